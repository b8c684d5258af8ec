"""Untrusted inputs, made from a seed. Each is a call of the product that must return a result or raise a clear error.

`benchmarks.fuzz` runs ten thousand of them, the tests a few hundred.
"""
