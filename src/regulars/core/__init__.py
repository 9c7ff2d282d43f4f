"""The nouns that rooms exchange, and the ports of the house."""
