"""Outputs: their paths, formats and metadata."""
