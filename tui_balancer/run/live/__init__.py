"""A live run, from the first worker to the summary."""
