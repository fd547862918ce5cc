"""Several devices on one file."""
