"""What the ports of the house stand on: drivers, files, servers."""
