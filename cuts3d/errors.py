"""Errors that a person can act on: one sentence that says what was expected, what came, what to do."""


class CutS3DError(Exception):
    """Base of every error that the package raises on purpose."""


class InputError(CutS3DError, ValueError):
    """A photo, depth map or array that cannot be used."""


class ConfigError(CutS3DError, ValueError):
    """A parameter that is unknown or out of its range."""


class WeightsUnavailableError(CutS3DError, RuntimeError):
    """Weights that can be found neither locally nor on a hub."""
