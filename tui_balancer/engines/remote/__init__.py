"""Common parts of engines on other machines."""
