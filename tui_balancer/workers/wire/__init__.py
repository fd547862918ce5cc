"""What worker and app exchange."""
