"""The log: memory for tests and trials, SQLite on one machine; group commit for a server."""
