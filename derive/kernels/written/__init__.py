"""Programs written out as PyTorch or JAX, in the way a person writes them."""
