"""Collection: wire formats become events, or failed events that can be mended and replayed."""

from regulars.collect.body import envelope
from regulars.collect.segment import Decoder

__all__ = ["Decoder", "envelope"]
