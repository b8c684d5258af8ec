"""The address at which the page is served, checked before Gradio tries it: its own error names no cause."""

from __future__ import annotations

import errno
import socket

from cuts3d.errors import InputError, shown


def checked_port(host: str, port: str) -> int:
    """The number of a port that the page can use.

    Args:
        host: Name or address of this machine, or 0.0.0.0 for all of its addresses.
        port: The number as text.

    Raises:
        InputError: The port is no number from 1 to 65535, is in use or not permitted, or the host is not this machine.
    """
    number = int(port) if port.strip().isdecimal() and len(port) < 9 else 0
    if not 1 <= number <= 65535:
        raise InputError(
            f"The port (--port or GRADIO_SERVER_PORT) must be a number from 1 to 65535; it is {shown(port)}."
        )
    try:
        found = socket.getaddrinfo(host.strip("[]"), number, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InputError(
            f"There is no host {shown(host)} (--host or GRADIO_SERVER_NAME); use 127.0.0.1, or 0.0.0.0 for all."
        ) from None
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(address)
        except OSError as error:
            raise InputError(_sentence(error, host, number)) from error
    return number


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use; stop what uses it, or choose another with --port."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} is not permitted to this user; choose one from 1024 up with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{shown(host)} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all networks (--host)."
    return f"The page cannot be served at {host}:{port}: {error.strerror or error}."
