"""The check of model and devices before a run."""
