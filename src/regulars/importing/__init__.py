"""Bring files of orders, order lines, events and products in, through the same door as live events."""

from regulars.importing.job import KINDS, Given, Imported, noun_of, run_import
from regulars.importing.sinks import HttpSink, LocalSink, Sink

__all__ = ["KINDS", "Given", "HttpSink", "Imported", "LocalSink", "Sink", "noun_of", "run_import"]
