"""The scheduler under a virtual clock, with made-up devices."""
