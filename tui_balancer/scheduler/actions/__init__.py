"""What changes the scheduler's state: commands, completions, deaths."""
