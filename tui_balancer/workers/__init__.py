"""The process that holds the model on one device, and the queue it takes work from."""
