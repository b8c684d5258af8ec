"""The method, a file a stage, in the order of the paper (docs/method.md)."""
