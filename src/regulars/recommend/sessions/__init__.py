"""Models of the running session: who looked at the same products, and what they looked at next."""
