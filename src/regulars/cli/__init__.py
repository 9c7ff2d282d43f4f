"""The command line: each module here whose name begins without an underscore holds one command."""

from regulars.cli._main import main

__all__ = ["main"]
