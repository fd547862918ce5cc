"""A live run seen and steered from other processes of its user."""
