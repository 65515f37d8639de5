"""Compiled kernels and what is computed with them."""
