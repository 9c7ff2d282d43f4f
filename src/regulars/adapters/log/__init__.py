"""The log: memory for tests and trials, files of its own on one machine; group commit for a server."""
