"""Checkpoints: found, checked, downloaded and loaded."""
