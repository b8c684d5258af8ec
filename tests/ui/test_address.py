"""The address of the page: each fault is one sentence."""

import os
import socket
import subprocess
import sys

import pytest
from helpers import REPO

from cuts3d.errors import InputError
from ui.server.address import _sentence, checked_port


def test_a_free_port_is_taken():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert checked_port("127.0.0.1", str(port)) == port
    assert checked_port("localhost", f" {port}") == port


def test_a_port_in_use_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(InputError, match=r"Port \d+ is in use.*--port"):
            checked_port("127.0.0.1", str(other.getsockname()[1]))


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "", "7860.5", "9" * 5000])
def test_what_is_no_port_is_named(port):
    with pytest.raises(InputError, match="from 1 to 65535"):
        checked_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "says"), [("no.such.host.invalid", "There is no host"), ("203.0.113.9", "no address of this machine")]
)
def test_a_wrong_host_is_named(host, says):
    with pytest.raises(InputError, match=says):
        checked_port(host, "7999")


def test_a_port_that_is_not_permitted_is_named():
    assert "not permitted" in _sentence(PermissionError(13, "Permission denied"), "127.0.0.1", 80)


@pytest.mark.slow
def test_the_page_ends_with_1_and_one_line():
    done = subprocess.run(
        [sys.executable, "app.py"],
        env={**os.environ, "GRADIO_SERVER_PORT": "abc"},
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: The port")
    assert "Traceback" not in done.stderr
