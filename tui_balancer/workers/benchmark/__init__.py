"""Measuring how fast a device embeds."""
