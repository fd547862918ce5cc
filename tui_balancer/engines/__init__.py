"""The engines, which start, watch and stop workers."""
