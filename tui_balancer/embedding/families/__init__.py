"""Model families: a folder each, with all that is its own."""
