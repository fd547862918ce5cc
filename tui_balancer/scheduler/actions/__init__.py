"""Changes of the scheduler's state: commands, completions, deaths."""
