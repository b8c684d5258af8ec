"""The package's face: its public names, and what it may import."""

import inspect
import operator
import subprocess
import sys
import time

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
CALLS = {  # what people call -> its parameters, without self
    "CutS3D": "config",
    "CutS3D.segment": "photo depth depth_kind features affinity",
    "CutS3DConfig.replace": "params",
    "CutS3DConfig.from_dict": "params",
    "Detector": "checkpoint device",
    "Detector.detect": "photo score_threshold",
    "Explorer": "photo config depth depth_kind view_side features affinity",
    "Explorer.update": "params",
    "Explorer.stages": "params",
    "Explorer.baseline": "name",
    "Explorer.spectrum": "ncut count",
    "Explorer.knn_graph": "instance",
    "Explorer.knn_network": "instance tau_knn",
    "Explorer.affinity_network": "ncut",
    "Segmentation.show": "theme",
    "Segmentation.show_3d": "instance theme",
}
ATTRIBUTES = {  # what people read from a result
    "Segmentation": "image instances depth features importance bipartitions cloud confidences dropped back_to_front",
    "Instance": "mask score confidence mean_confidence area bbox number ncut coarse_mask coarse_confidence cut",
    "DepthMap": "values kind estimator source inverse",
    "Detection": "mask box score area bbox",
}


def test_the_public_names_are_these():
    assert sorted(cuts3d.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_documented(name):
    value = getattr(cuts3d, name)
    assert value.__doc__
    assert name in dir(cuts3d)


@pytest.mark.parametrize("path", CALLS)
def test_public_calls_keep_their_parameters(path):
    called = operator.attrgetter(path)(cuts3d)
    found = [name for name in inspect.signature(called).parameters if name != "self"]
    assert " ".join(found) == CALLS[path]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_public_results_keep_their_attributes(name):
    assert set(ATTRIBUTES[name].split()) <= set(dir(getattr(cuts3d, name)))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Cutz'"):
        _ = cuts3d.Cutz  # pyright: ignore[reportAttributeAccessIssue]


def test_own_errors_are_one_family_and_of_the_expected_builtin_kind():
    assert issubclass(cuts3d.InputError, cuts3d.CutS3DError)
    assert issubclass(cuts3d.InputError, ValueError)
    assert issubclass(cuts3d.ConfigError, cuts3d.CutS3DError)
    assert issubclass(cuts3d.WeightsUnavailableError, cuts3d.CutS3DError)


def test_importing_the_package_and_its_configuration_is_light():
    code = "import sys, cuts3d; cuts3d.CutS3DConfig(); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert not {"torch", "scipy", "PIL", "timm", "numpy", "networkx"} & set(done.stdout.split())


@pytest.mark.parametrize("arguments", [["-c", "import cuts3d"], ["-m", "cuts3d", "--help"]], ids=["import", "help"])
def test_it_starts_within_a_second(arguments):
    """The best of three: other processes of this machine are not what is measured."""

    def seconds() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=REPO, capture_output=True, check=True)
        return time.perf_counter() - began

    assert min(seconds() for _ in range(3)) < 1.0
