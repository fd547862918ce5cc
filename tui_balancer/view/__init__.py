"""What a screen may read of a run and request from it."""
