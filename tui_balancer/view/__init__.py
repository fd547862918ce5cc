"""What a screen may see of a run and ask of it."""
