"""Inputs as strangers send them, made from a seed: each is a call of the product that must give a result or a sentence.

`benchmarks.fuzz` runs ten thousand of them, the tests a few hundred.
"""
