"""A run read back from its ledger."""
