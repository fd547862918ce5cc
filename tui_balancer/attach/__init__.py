"""Access to a live run from other processes of the same user."""
