"""The files of a run folder next to the outputs."""
