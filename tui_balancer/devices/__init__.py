"""Which devices there are, and how busy and how full they are."""
