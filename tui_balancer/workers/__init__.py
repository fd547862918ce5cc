"""The worker process, with the model on one device, and its queue."""
