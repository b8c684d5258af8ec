"""`python -m scripts.structure [ROOT ...]`: sizes, signatures and imports of the code under each root, as a table.

Several roots, such as two checkouts, stand next to each other: before and after. The code is read, not imported.
"""

from __future__ import annotations

import argparse
import ast
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cuts3d.cli.output import command

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("app", "cuts3d", "training", "ui")
MANY_PARAMETERS, MOST_PARAMETERS, MOST_ATTRIBUTES = 6, 8, 10

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Module:
    """A module that was read.

    Attributes:
        name: Its full name, such as `cuts3d.io.photos`; a package's `__init__.py` has the package's name.
        text: Its source.
    """

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.text.splitlines())

    @property
    def functions(self) -> list[Function]:
        """All functions: methods and nested ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        """All classes."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]


def read_modules(root: Path, packages: Iterable[str] = PRODUCT) -> dict[str, Module]:
    """Every module of the given packages (or single files), by its name."""
    found = {}
    for package in packages:
        single = root / f"{package}.py"
        for path in [single] if single.is_file() else sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path.read_text(encoding="utf-8"))
    return found


# ---- signatures and classes


def parameters(function: Function) -> list[ast.arg]:
    """The parameters of a function, without `self` and `cls`."""
    given = function.args
    listed = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    listed += [star for star in (given.vararg, given.kwarg) if star is not None]
    return listed[1:] if listed and listed[0].arg in ("self", "cls") else listed


def attributes(node: ast.ClassDef) -> set[str]:
    """Attributes of an instance: annotated fields, and what a method assigns to `self`."""
    fields = {
        one.target.id
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and "ClassVar" not in ast.dump(one)
    }
    return fields | {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store) and _is_self(one.value)
    }


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def is_annotated(function: Function) -> bool:
    """Whether every parameter and the result have a type."""
    return function.returns is not None and all(one.annotation is not None for one in parameters(function))


def public_functions(module: Module) -> Iterator[Function]:
    """Functions of a module and methods of its classes whose names have no leading underscore."""
    for node in module.tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        yield from (one for one in inside if isinstance(one, Function) and not one.name.startswith("_"))


# ---- imports


def imported(module: Module, known: Iterable[str], *, when_loaded: bool = False) -> set[str]:
    """Known modules that a module imports, inside functions too, but not for type checking only.

    Args:
        module: The module.
        known: Names of modules.
        when_loaded: Whether imports inside functions are left out.
    """
    names = set(known)
    found = set()
    for node in _running(module.tree, functions=not when_loaded):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= members & names or {node.module}
    return {name for name in found & names if name != module.name}


def _running(node: ast.AST, *, functions: bool) -> Iterator[ast.AST]:
    """Every node below, except in blocks under `if TYPE_CHECKING`, and in functions only if asked for."""
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if functions or not isinstance(child, Function):
            yield from _running(child, functions=functions)


def import_graph(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """Which module imports which."""
    return {name: imported(module, modules) for name, module in modules.items()}


def package_of(name: str) -> str:
    """The room of a module: `cuts3d.io` of `cuts3d.io.photos`, and `cuts3d.config` of itself."""
    return ".".join(name.split(".")[:2])


def by_package(graph: Graph) -> dict[str, set[str]]:
    """Which room imports from which other room."""
    rooms: dict[str, set[str]] = {}
    for name, targets in graph.items():
        own = package_of(name)
        rooms.setdefault(own, set()).update({package_of(target) for target in targets} - {own})
    return rooms


def circles(graph: Graph) -> list[list[str]]:
    """Groups of nodes that import each other directly or through others."""
    reached = {name: _reachable(graph, name) for name in graph}
    groups = {
        frozenset({other for other in reached[name] if name in reached.get(other, ())})
        for name in graph
        if name in reached[name]
    }
    return sorted(sorted(group) for group in groups)


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph.get(name, ())
    return found


# ---- the table


def figures(root: Path, packages: Sequence[str] = PRODUCT) -> dict[str, str]:
    """What the table shows of the code under one root."""
    modules = read_modules(root, packages)
    functions = [function for module in modules.values() for function in module.functions]
    public = [function for module in modules.values() for function in public_functions(module)]
    counts = [len(parameters(function)) for function in functions]
    held = [len(attributes(node)) for module in modules.values() for node in module.classes]
    graph = import_graph(modules)
    rooms = by_package(graph)
    return {
        "modules": str(len(modules)),
        "module lines, median / p90 / max": _spread([module.lines for module in modules.values()]),
        "functions": str(len(functions)),
        "function lines, median / p90 / max": _spread([(f.end_lineno or f.lineno) - f.lineno + 1 for f in functions]),
        "parameters, median / p90 / max": _spread(counts),
        f"functions with more than {MANY_PARAMETERS} parameters": _percent(c > MANY_PARAMETERS for c in counts),
        f"functions with more than {MOST_PARAMETERS} parameters": str(sum(c > MOST_PARAMETERS for c in counts)),
        "attributes of a class, median / p90 / max": _spread(held),
        f"classes with more than {MOST_ATTRIBUTES} attributes": str(sum(h > MOST_ATTRIBUTES for h in held)),
        "public functions with docstring": _percent(ast.get_docstring(f) is not None for f in public),
        "functions fully annotated": _percent(is_annotated(f) for f in functions),
        "imports between modules": str(sum(map(len, graph.values()))),
        "packages and lone modules": str(len(rooms)),
        "arrows between packages": str(sum(map(len, rooms.values()))),
        "circles among modules": "; ".join(map(" ↔ ".join, circles(graph))) or "none",
        "circles among packages": "; ".join(map(" ↔ ".join, circles(rooms))) or "none",
    }


def _spread(values: Sequence[int]) -> str:
    if len(values) < 2:
        return " / ".join(map(str, values))
    return f"{statistics.median(values):g} / {statistics.quantiles(values, n=10)[-1]:.0f} / {max(values)}"


def _percent(flags: Iterable[bool]) -> str:
    listed = list(flags)
    return f"{100 * sum(listed) / max(len(listed), 1):.1f} %"


@command
def main() -> None:
    """Print the table, one column for each root."""
    parser = argparse.ArgumentParser(prog="python -m scripts.structure", description=__doc__)
    parser.add_argument("roots", nargs="*", type=Path, default=[ROOT], metavar="ROOT", help="a checkout")
    parser.add_argument("--packages", nargs="+", default=PRODUCT, help="which packages to read")
    options = parser.parse_args()
    columns = [figures(root, options.packages) for root in options.roots]
    print(f"| | {' | '.join(map(str, options.roots))} |\n|:--|{'--:|' * len(columns)}")
    for name in columns[0]:
        print(f"| {name} | {' | '.join(column[name] for column in columns)} |")


if __name__ == "__main__":
    raise SystemExit(main())
