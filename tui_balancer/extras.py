"""Libraries: the extra of the package that brings each optional one, and installed versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from types import MappingProxyType
from typing import Literal

from tui_balancer import __version__
from tui_balancer.errors import UserError

Extra = Literal["models", "parquet", "dask", "dask-jobs", "dask-ssh", "metrics"]

EXTRAS: Mapping[Extra, tuple[str, ...]] = MappingProxyType(
    {
        "models": ("sentencepiece", "tokenizers"),
        "parquet": ("pyarrow",),
        "dask": ("distributed", "cryptography"),
        "dask-jobs": ("distributed", "cryptography", "dask_jobqueue"),
        "dask-ssh": ("distributed", "cryptography", "asyncssh"),
        "metrics": ("prometheus_client",),
    }
)
"""The modules that each extra brings, as they are imported."""


class MissingExtra(UserError):
    """A library is not installed or cannot be imported; the line names the extra that brings it."""


def require(extra: Extra, user: str, *, without: str = "") -> None:
    """Import the libraries of an extra.

    Args:
        user: What needs it, as the person typed it: `--format parquet`.
        without: A library of the extra that is not needed this time.

    Raises:
        MissingExtra: A library is not installed, or is broken.
    """
    for library in EXTRAS[extra]:
        if library == without:
            continue
        try:
            import_module(library)
        except Exception as problem:
            # A broken build may raise anything.
            missing = isinstance(problem, ModuleNotFoundError) and problem.name == library
            broken = "" if missing else f" ({' '.join(str(problem).split())})"
            name = library.replace("_", "-")
            raise MissingExtra(
                f"{user} needs {name}{broken}: pip install 'tui-balancer[{extra}]'"
            ) from problem


def versions() -> dict[str, str]:
    """Return the versions of what decides a result; no library is imported for it."""
    # Slow to import, and this is a module of every command.
    from importlib import metadata

    found = {"tui-balancer": __version__, "python": platform.python_version()}
    for package in ("torch", "fair-esm"):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
