"""The command `store`: what is in a store of vectors, whether it is whole, and removing some."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tui_balancer.cli.declarations import decimal, flag
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED

if TYPE_CHECKING:
    from msgspec import Struct

    from tui_balancer.store.maintenance import StoreStats
    from tui_balancer.store.vector_store import VectorStore

StoreAction = Literal["stats", "verify", "prune"]

_DAY_SECONDS = 86_400.0
_MOST_DAYS = 36_500
_CHOICES = "--older-than, --keep, --model, --damaged"


def store(
    action: Annotated[StoreAction, Parameter(name="ACTION", help="What to do.")],
    folder: Annotated[Path, Parameter(name="DIR", help="The folder of a run's --store.")],
    /,
    *,
    older_than: Annotated[
        float | None, decimal(0, _MOST_DAYS, help="prune: vectors stored so many days ago.")
    ] = None,
    keep: Annotated[
        str | None,
        Parameter(help="prune: the oldest vectors, until the rest has this size, e.g. 20GB."),
    ] = None,
    model: Annotated[
        str | None, Parameter(help="prune: only vectors of this model, named as by stats.")
    ] = None,
    damaged: Annotated[bool, flag(help="prune: vectors that verify finds damaged.")] = False,
    json: Annotated[bool, flag(help="Print a JSON object.")] = False,
) -> int:
    """Count, check or remove the vectors of a store.

    Runs share them with --store, and may use them meanwhile. verify reads every vector; prune takes
    at least one of its options. Exit code 1 if verify finds damage.
    """
    from tui_balancer.store.maintenance import FORMAT, StorePruned, prune, stats, verify
    from tui_balancer.store.vector_store import StoreError, VectorStore

    chosen = [older_than is not None, keep is not None, model is not None, damaged]
    if any(chosen) != (action == "prune"):
        if action == "prune":
            raise UserError(f"prune has nothing to remove: give one of {_CHOICES}")
        raise UserError(f"{_CHOICES} do not belong to {action}: leave them out")
    most_bytes = _bytes_of(keep) if keep is not None else None
    opened = VectorStore.open(folder)
    try:
        if action == "stats":
            found = stats(opened)
            _print(found, _stats_lines(found), json=json)
            return EXIT_DONE
        if action == "verify":
            check = verify(opened)
            line = f"{check.vectors:,} vectors verified, {check.damaged:,} damaged"
            _print(check, [line, *(f"problem  {one}" for one in check.problems)], json=json)
            return EXIT_DONE if check.clean else EXIT_FAILED
        removed = prune(
            opened,
            older_seconds=older_than * _DAY_SECONDS if older_than is not None else None,
            most_bytes=most_bytes,
            model=_known_model(opened, model),
            damaged=damaged,
        )
        left = stats(opened).vectors
        line = f"{removed:,} vectors removed, {left:,} left"
        _print(StorePruned(FORMAT, removed, left), [line], json=json)
    except StoreError as problem:
        raise UserError(str(problem)) from problem
    finally:
        opened.close()
    return EXIT_DONE


def _print(found: Struct, lines: Sequence[str], *, json: bool) -> None:
    """Print a result as lines or JSON."""
    from msgspec import to_builtins

    print(json_module.dumps(to_builtins(found), indent=1) if json else "\n".join(lines))


def _bytes_of(text: str) -> int:
    from tui_balancer.cli.settings import parse_size

    size = parse_size(text)
    if size is None:
        raise UserError(f"--keep {text} is not a size: write it as 20GB")
    return round(size)


def _known_model(opened: VectorStore, model: str | None) -> str | None:
    """Return the name of a model; a wrong one removes nothing, so it is an error."""
    from tui_balancer.store.vector_store import model_of

    known = sorted({model_of(one) for one in opened.spaces().values()})
    if model is not None and model not in known:
        raise UserError(f"no vectors of {model} in the store: it has {', '.join(known) or 'none'}")
    return model


def _stats_lines(found: StoreStats) -> list[str]:
    from datetime import datetime

    from tui_balancer.formatting import quantity

    lines = [
        f"{found.vectors:,} vectors, {quantity(found.bytes)}B; the file has "
        f"{quantity(found.file_bytes)}B"
    ]
    for one in found.models:
        since, to = (datetime.fromtimestamp(at).date() for at in (one.oldest, one.newest))
        size = f"{one.vectors:,} vectors, {quantity(one.bytes)}B"
        lines.append(f"  {one.model}: {size}, stored {since} to {to}")
    if found.damaged:
        lines.append(f"{found.damaged:,} damaged vectors were found and removed so far")
    return lines
