"""Measurements and simulations, which write no outputs."""
