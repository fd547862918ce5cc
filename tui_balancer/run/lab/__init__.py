"""Measurements and simulations: nothing of a run is kept."""
