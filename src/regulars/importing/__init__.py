"""Bring files of orders, order lines, events and products in, through the same door as live events."""

from regulars.importing.job import KINDS, Imported, run_import
from regulars.importing.sinks import HttpSink, LocalSink, Sink

__all__ = ["KINDS", "HttpSink", "Imported", "LocalSink", "Sink", "run_import"]
