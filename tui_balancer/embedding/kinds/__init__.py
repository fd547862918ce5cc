"""Kinds of embedding: a module each, which computes it for a batch and joins it from windows."""
