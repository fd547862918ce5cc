"""The tabs, one per module."""
