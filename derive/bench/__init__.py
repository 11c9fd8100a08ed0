"""Times of the kernels beside what a user would pick instead, for any cell."""


from derive.bench.sizes import PRESETS, SizeSet, size_sets

__all__ = ["PRESETS", "SizeSet", "size_sets"]
