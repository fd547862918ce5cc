"""What happens before a run: find, scan, check, resume, plan."""
