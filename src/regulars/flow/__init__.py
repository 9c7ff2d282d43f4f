"""The flow: the only place that joins rooms. It fetches, calls, and stores what came back, all or nothing."""
