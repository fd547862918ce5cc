"""Messages and queues between worker and app."""
