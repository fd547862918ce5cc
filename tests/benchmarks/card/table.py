"""The results as tables for the manual. Imports no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from tests.benchmarks.card.results import Line, Results

OURS = "packed bf16"

KERNELS, NAME_LETTERS = 8, 60
"""Kernels of a pass that are named, and letters of their names."""


def tables(results: Results) -> str:
    """Return what was measured so far, in Markdown; then what was not."""
    rates = _rates(results)
    parts = [_card(results), _rate_table(rates), _forward_table(results, rates)]
    parts += [_workers_table(results), _kernel_lines(results), _tests_lines(results)]
    parts.append(_missing(results))
    return "\n\n".join(part for part in parts if part)


def spread(values: list[float]) -> float:
    """Return the distance of the largest value and the least, as a share of the median."""
    return (max(values) - min(values)) / median(values)


def _card(results: Results) -> str:
    lines = []
    for one in results.lines("card"):
        versions = f"torch {one['torch']}, CUDA {one['cuda']}, driver {one.get('driver', '–')}"
        lines.append(f"{one['name']} ({one['device']}), {versions}")
        if one["quick"]:
            lines.append("quick: cut models and tiny products, no measurement of this device")
    return "\n".join(lines)


def _rates(results: Results) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for one in results.lines("rate"):
        found[one["what"]].append(one["per_second"])
    return found


def _rate_table(rates: dict[str, list[float]]) -> str:
    rows = []
    for what, values in rates.items():
        unit, size = ("GB/s", 1e9) if what == "bandwidth" else ("TFLOP/s", 1e12)
        rows.append((what, f"{median(values) / size:,.1f} {unit}", f"{spread(values):.1%}"))
    return _markdown(("the card", "rate", "spread"), rows)


def _forward_table(results: Results, rates: dict[str, list[float]]) -> str:
    # What was measured by turns stands together.
    turns: dict[tuple[bool, str], dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for one in results.lines("forward"):
        turns[one["by_compiler"], one["model"]][one["contender"]].append(one)
    rows: list[tuple[str, ...]] = []
    for (_, model), contenders in turns.items():
        ours = _per_second(contenders[OURS], "residues") if OURS in contenders else None
        for contender, lines in contenders.items():
            residues = _per_second(lines, "residues")
            dense = rates.get(lines[0]["precision"])
            share = median(_per_second(lines, "flops")) / median(dense) if dense else None
            rows.append(
                (
                    model,
                    contender,
                    f"{median(residues):,.0f}",
                    f"{median(residues) / median(ours):.2f}" if ours else "–",
                    f"{median(_per_second(lines, 'tokens')):,.0f}",
                    f"{lines[0]['computed_tokens'] / lines[0]['tokens'] - 1:.1%}",
                    "–" if share is None else f"{share:.0%}",
                    f"{spread(residues):.1%} of {len(lines)}",
                )
            )
    heads = ("model", "", "residues/s", "of ours", "tokens/s", "padding", "of dense rate", "spread")
    return _markdown(heads, rows)


def _per_second(blocks: list[Line], what: str) -> list[float]:
    return [one[what] * one["passes"] / one["seconds"] for one in blocks]


def _workers_table(results: Results) -> str:
    rows: list[tuple[str, ...]] = []
    alone: dict[tuple[str, int], float] = {}
    for one in results.lines("workers"):
        rate, key = one["residues_per_second"], (one["model"], one["shortest"])
        if one["workers"] == 1:
            alone[key] = rate
        times = f"{rate / alone[key]:.2f}" if key in alone else "–"
        lengths = f"{one['shortest']}–{one['longest']}"
        rows.append((one["model"], lengths, str(one["workers"]), f"{rate:,.0f}", times))
    return _markdown(("model", "residues", "workers", "residues/s", "times one"), rows)


def _kernel_lines(results: Results) -> str:
    """Return what took the most of a pass; what is not a kernel's is the card's waiting."""
    lines = []
    for one in results.lines("kernels"):
        whole = one["pass_seconds"]
        named = [
            f"{name[:NAME_LETTERS]} {spent / whole:.0%}" for name, spent in one["seconds"].items()
        ]
        busy = sum(one["seconds"].values()) / whole
        parts = "; ".join((*named[:KERNELS], f"all {busy:.0%}"))
        lines.append(f"- {one['model']}, {one['contender']}: {parts}")
    return "\n".join(lines)


def _tests_lines(results: Results) -> str:
    return "\n".join(f"- {one['name']}: {one['outcome']}" for one in results.lines("test"))


def _missing(results: Results) -> str:
    lines = results.lines("skipped", "failed")
    return "\n".join(f"- {one['kind']}: {one['what']}: {one['reason']}" for one in lines)


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; nothing without rows."""
    return "\n".join(_lines(heads, rows)) if rows else ""


def _lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(row)} |"
