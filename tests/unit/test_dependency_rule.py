"""What import-linter cannot see: a part of a package, and packages that are not named to it."""

import ast
import sys
from pathlib import Path

import pytest

import cpx_monitor

PACKAGE = Path(cpx_monitor.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in ("domain", "app")]


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # "from package import name" may import a module of that name.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_needs_nothing_but_the_standard_library(path):
    roots = {name.partition(".")[0] for name in imports_of(path)}

    assert roots <= {*sys.stdlib_module_names, "cpx_monitor"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_monkey_patched(path):
    assert not [name for name in imports_of(path) if "monkey" in name]
