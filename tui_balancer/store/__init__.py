"""Vectors kept for all runs."""
