"""Configuration as code: a shop is a folder of TOML files; every mistake in it is found at once."""

from regulars.shop.load import check, load, read_folder
from regulars.shop.mistake import Mistake

__all__ = ["Mistake", "check", "load", "read_folder"]
