"""The process that speaks HTTP: appends to the log, reads the state."""
