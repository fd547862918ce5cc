"""The vectors of a unit, until its outputs are written."""
