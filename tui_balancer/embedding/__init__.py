"""Models and what they compute: families, batching, forward passes, kinds of embedding."""
