"""The architecture, written down as data and checked: which part may import which."""

import ast
import sys
from pathlib import Path

import pytest

import cpx_monitor

PACKAGE = Path(cpx_monitor.__file__).parent

# A part may import the parts named here (and itself). What is under another part's folder but
# named more closely, such as app.ports, is the only thing of it that may be imported.
MAY_IMPORT = {
    "domain": [],
    "app": ["domain"],
    "adapters": ["domain", "app.ports", "app.reports"],
    "simulator": [],
    "entrypoints": ["domain", "app", "adapters", "simulator"],
    "__main__": ["entrypoints"],
}
STANDARD_LIBRARY_ONLY = {"domain", "app"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in {path}"
            # "from package import name" may import a module of that name.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name, part):
    return name == part or name.startswith(f"{part}.")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_inwards(path):
    part = name_of(path).partition(".")[0]
    allowed = [*MAY_IMPORT.get(part, []), part, "__version__"]
    ours = [name.partition(".")[2] for name in imports_of(path) if is_within(name, "cpx_monitor")]

    assert [name for name in ours if not any(is_within(name, each) for each in allowed)] == []


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if name_of(path).partition(".")[0] in STANDARD_LIBRARY_ONLY],
    ids=name_of,
)
def test_the_core_needs_nothing_but_the_standard_library(path):
    foreign = [name for name in imports_of(path) if not is_within(name, "cpx_monitor")]

    assert [name for name in foreign if name.partition(".")[0] not in sys.stdlib_module_names] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_monkey_patched(path):
    assert not [name for name in imports_of(path) if "monkey" in name]


def test_every_part_has_its_rule():
    parts = {
        path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"
    }

    assert parts | {"__main__"} == set(MAY_IMPORT)
