"""Meaning: a printed row as a matrix expression, in one reading of many."""
