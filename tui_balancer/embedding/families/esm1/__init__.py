"""ESM-1, ESM-1b and ESM-1v, Rives et al. 2021 and Meier et al. 2021, as fair-esm publishes them."""
