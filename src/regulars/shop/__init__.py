"""Configuration as code: a shop is a folder of TOML files; every mistake in it is found at once."""

from regulars.shop.editor import FILE_KINDS, schema
from regulars.shop.explain import explain
from regulars.shop.init import Created, init
from regulars.shop.load import build, check, load, read_folder
from regulars.shop.mistake import Mistake

__all__ = ["FILE_KINDS", "Created", "Mistake", "build", "check", "explain", "init", "load", "read_folder", "schema"]
