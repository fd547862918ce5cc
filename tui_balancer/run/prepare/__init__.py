"""Preparation of a run: find, scan, check, resume, plan."""
