"""The rows of a unit, until its outputs are written."""
