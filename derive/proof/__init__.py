"""Is an equation true for every T and every size?  Proofs, counterexamples and exact checks."""
