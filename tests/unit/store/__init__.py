"""Tests of the store of vectors."""
