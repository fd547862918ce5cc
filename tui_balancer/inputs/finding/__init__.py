"""Which files are the inputs: at the start of a run, and those that arrive later."""
