"""The scheduler's state and its elementary steps."""
