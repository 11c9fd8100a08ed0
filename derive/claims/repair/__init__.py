"""The nearest true equation."""
