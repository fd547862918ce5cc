"""Optional libraries: the table is that of pyproject.toml, and a missing one is named."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tui_balancer
from tui_balancer.errors import UserError
from tui_balancer.extras import EXTRAS, Extra, require

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(tui_balancer.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]

INSIDE_OTHERS = {"dask", "markupsafe", "rich", "triton", "typing_extensions"}
"""Required by distributed, jinja2 and textual; part of torch's builds for GPUs, and not needed."""

NAMES = {
    "Bio": "biopython",
    "backports": "backports.zstd",
    "compression": "backports.zstd",
    "esm": "fair-esm",
    "pynvml": "nvidia-ml-py",
    "tomllib": "tomli",
}
"""What brings a module of another name."""


def brought(extra: str) -> set[str]:
    """Return the distributions that an extra brings, those of other extras in it too."""
    names: set[str] = set()
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        if requirement.name == PROJECT["name"]:
            names = names.union(*(brought(one) for one in requirement.extras))
        else:
            names.add(requirement.name)
    return names


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_the_table_says(extra: Extra) -> None:
    assert brought(extra) == {name.replace("_", "-") for name in EXTRAS[extra]}


def imported() -> Iterator[tuple[str, str]]:
    """Yield every module that the package imports by its first name, and where."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((alias.name.partition(".")[0], path.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0], path.name


def test_whatever_is_imported_is_required_or_in_an_extra() -> None:
    required = {Requirement(one).name for one in PROJECT["dependencies"]}
    optional = set().union(*EXTRAS.values()) | INSIDE_OTHERS
    known = {PACKAGE.name, *sys.stdlib_module_names, *optional, "_typeshed"}
    unknown = {
        (module, path)
        for module, path in imported()
        if module not in known and NAMES.get(module, module.replace("_", "-")) not in required
    }
    assert not unknown


def test_a_library_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(UserError) as refused:
        require("dask-ssh", "--hosts")
    assert str(refused.value) == "--hosts needs asyncssh: pip install 'tui-balancer[dask-ssh]'"
    require("dask", "--local")


def test_a_library_that_is_broken_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('libarrow.so.99: cannot\\nopen it')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [one for one in sys.modules if one.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=r"needs pyarrow \(libarrow.so.99: cannot open it\): pip"):
        require("parquet", "--format parquet")


def test_a_library_that_is_not_needed_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    require("dask", "--scheduler", without="cryptography")
    with pytest.raises(UserError, match=r"needs cryptography: pip install 'tui-balancer\[dask\]'"):
        require("dask", "--local")
