"""Open3D, loaded when it is needed: it takes more than a second, and the core works without it."""

from __future__ import annotations

from typing import Any

from cuts3d.errors import MissingPackageError

MISSING = "{what} needs Open3D: run 'pip install \"cuts3d[geometry]\"' or 'pip install open3d'."
BROKEN = (
    "{what} needs Open3D, which is installed but does not load ({cause}); on Debian and Ubuntu, "
    "'apt-get install libusb-1.0-0 libgl1 libgomp1 libegl1' brings the libraries that it needs."
)


def load_open3d(what: str) -> Any:
    """The module `open3d`.

    Args:
        what: What needs it, the first words of the error.

    Raises:
        MissingPackageError: It is not installed, or a system library is missing.
    """
    try:
        import open3d
    except ModuleNotFoundError as error:
        raise MissingPackageError(MISSING.format(what=what)) from error
    except (ImportError, OSError) as error:
        raise MissingPackageError(BROKEN.format(what=what, cause=str(error).splitlines()[0])) from error
    return open3d
