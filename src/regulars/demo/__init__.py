"""The example shop: a grocery chain's year, imported through the same door as live events."""
