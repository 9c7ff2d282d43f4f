"""The process that folds the log into the state: its one writer."""
