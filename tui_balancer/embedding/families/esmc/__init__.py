"""ESM C (ESM Cambrian), EvolutionaryScale 2024, as its makers and Hugging Face publish it."""
