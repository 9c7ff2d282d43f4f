"""The learned ranker: one order for the candidates of all models, learned from what was shown and what came of it."""
