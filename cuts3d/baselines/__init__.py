"""The neighbours, on the same features."""

from cuts3d.baselines.maskcut import maskcut

__all__ = ["maskcut"]
