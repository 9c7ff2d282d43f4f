"""The catalogue: products and content as shops send them, checked, merged and stored."""

from regulars.catalog.merge import merged
from regulars.catalog.products import ProductRow, RowError, parse, parse_rows
from regulars.catalog.rows import from_row, to_row

__all__ = ["ProductRow", "RowError", "from_row", "merged", "parse", "parse_rows", "to_row"]
