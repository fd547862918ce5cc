"""A run put together: scan, assign, start, watch, finish."""
