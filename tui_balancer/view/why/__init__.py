"""Explains the state of a device or a file, in sentences with the run's numbers."""
