"""A run's account as one HTML page."""
