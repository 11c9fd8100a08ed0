"""Expressions as sums of words: products of matrices and diagonals, each at a time."""
