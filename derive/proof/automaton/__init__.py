"""Sums of words over every T as weighted automata over ℚ, and whether two of them are equal."""
