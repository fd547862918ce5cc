"""A finished run, played again."""
