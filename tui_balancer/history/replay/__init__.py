"""The replay of a finished run."""
