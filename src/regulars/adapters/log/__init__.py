"""The log: memory for tests and trials, files of its own on one machine, SQLite for folders of before; group commit for a server."""
