"""Deciding who computes what: pure, clocked from outside, the same for 2 devices or 1,024."""
