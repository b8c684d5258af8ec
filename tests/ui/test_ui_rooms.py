"""The rooms of the page: imports lead downwards only, and no module imports itself through others."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from helpers import REPO

ORDER = ["page", "events", "tabs", "controls", "session", "server", "draw", "viewer"]  # as `ui/__init__.py` says
MODULES = {".".join(path.relative_to(REPO).with_suffix("").parts): path for path in (REPO / "ui").rglob("*.py")}


def imported_by(path: Path) -> set[str]:
    """Modules of `ui` that a module imports, inside functions too; a package counts as its `__init__`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ui":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "ui"}
    return {name if name in MODULES else f"{name}.__init__" for name in found}


ARROWS = {module: imported_by(path) for module, path in MODULES.items()}


def room(module: str) -> str:
    """The part of a module's name after `ui`."""
    return module.split(".")[1]


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"ui.__init__"}))
def test_a_room_imports_only_rooms_below_it(module):
    above = ORDER[: ORDER.index(room(module))]
    assert not [target for target in ARROWS[module] if room(target) in above]


def test_no_module_imports_itself_through_others():
    assert set(TopologicalSorter(ARROWS).static_order()) == set(MODULES)


def test_the_check_sees_imports():
    assert "ui.server.uploads" in ARROWS["ui.page"]
    assert "ui.viewer.__init__" in ARROWS["ui.tabs.cloud"]
