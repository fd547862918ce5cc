"""What the scheduler knows, and its elementary steps."""
