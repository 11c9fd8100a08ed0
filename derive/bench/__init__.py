"""Times of the kernels beside what a user would pick instead, for any cell."""
