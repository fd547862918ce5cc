"""The packed forward pass: tokens in, states out."""
