"""What ESM-1 and ESM-2 share: models of fair-esm, and our forward pass on their weights."""
