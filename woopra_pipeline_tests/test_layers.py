"""Which package imports which: as docs/architecture.md lists it, and in no circle."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import woopra_pipeline
from woopra_pipeline.data_directory import checkout

ROOT = Path(woopra_pipeline.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tables"}
PAGE = (checkout() / "docs" / "architecture.md").read_text(encoding="utf-8")


def statements(node: ast.AST, *, when_loaded: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        is_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and when_loaded
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not is_for_types and not is_later:
            yield from statements(child, when_loaded=when_loaded)


@cache
def imported(module: str, *, when_loaded: bool) -> frozenset[str]:
    """What a module imports, in functions too, or only when it is loaded itself."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names = set()
    for statement in statements(tree, when_loaded=when_loaded):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        else:
            below = {f"{statement.module}.{alias.name}" for alias in statement.names}
            names |= {name if name in MODULES else str(statement.module) for name in below}
    return frozenset(names)


def package_of(module: str) -> str:
    return f"{module}.".split(".")[1]


def test_every_package_has_a_row():
    rows = re.findall(r"^\| `(\w+)` \|(?: `\w+`,?)* ?\|$", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(PACKAGES), "list the packages in docs/architecture.md"


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_imports_what_its_row_says(package):
    packages = {
        package_of(name)
        for module in MODULES
        if package_of(module) == package
        for name in imported(module, when_loaded=False)
        if name.startswith("woopra_pipeline.")
    }
    names = ", ".join(f"`{name}`" for name in sorted(packages & PACKAGES - {package}))
    row = f"| `{package}` | {names} |" if names else f"| `{package}` | |"
    assert row in PAGE.splitlines(), f"if this is meant, write in docs/architecture.md: {row}"


def test_modules_import_each_other_in_no_circle():
    graph = {module: imported(module, when_loaded=True) & MODULES.keys() for module in MODULES}
    order = [*TopologicalSorter(graph).static_order()]
    assert len(order) == len(MODULES)


def test_only_the_floor_of_dagster_imports_dagster():
    importing = {
        package_of(module)
        for module in MODULES
        for name in imported(module, when_loaded=False)
        if name.split(".")[0].startswith("dagster")
    }
    assert importing == {"defs", "definitions"}
