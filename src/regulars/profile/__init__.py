"""The profile: identifiers, consent, and traits folded from events."""
