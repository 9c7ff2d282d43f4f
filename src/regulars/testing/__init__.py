"""For tests and benchmarks, a shop's own included."""

from regulars.testing.product import Product, free_port

__all__ = ["Product", "free_port"]
