"""Finished outputs in other formats, merged and verified."""
