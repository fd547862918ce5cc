"""Who starts, watches and ends the workers."""
