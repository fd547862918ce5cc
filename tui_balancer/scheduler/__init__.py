"""Decides which device computes what: pure, with an external clock, for 2 or 1,024 devices."""
