"""Random cells, right by construction, and every way to their gradients held to one another."""
