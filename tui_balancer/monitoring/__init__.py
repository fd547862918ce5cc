"""Tells others about a live run: notifications by a command, metrics for a time-series database."""
