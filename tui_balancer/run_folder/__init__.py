"""What lies on disk around the outputs."""
