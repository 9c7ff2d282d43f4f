"""Understanding: segments, lifecycle, interests."""
