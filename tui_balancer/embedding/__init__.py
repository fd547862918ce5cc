"""ESM-2 models of fair-esm: loading, batching, the forward pass, pooling."""
