"""ESM-2, Lin et al. 2023, as fair-esm and Hugging Face publish it."""
