"""A run, read from its ledger."""
