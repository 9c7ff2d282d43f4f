"""Bring files of orders, events, customers and products in, through the same door as live events."""

from regulars.importing.job import Imported, run_import
from regulars.importing.journal import Given, Journal
from regulars.importing.kinds import KINDS, kind_of, recognised
from regulars.importing.sinks import HttpSink, LocalSink, Sink

__all__ = [
    "KINDS", "Given", "HttpSink", "Imported", "Journal", "LocalSink", "Sink", "kind_of", "recognised", "run_import",
]  # fmt: skip
