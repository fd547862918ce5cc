"""Decisions: who gets what, and when a file changes its queue."""
