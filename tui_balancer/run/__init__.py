"""A run: scan, assign, start, watch, finish."""
