"""The ids of outputs as the libraries read them that people use."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import torch


def virnucpro_ids(path: Path) -> list[str]:
    ids: list[str] = torch.load(path, weights_only=True)["proteins"]
    return ids


def esm_ids(path: Path) -> list[str]:
    with (path / "index.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    assert len(list(path.rglob("*.pt"))) == len(rows)
    return [row["id"] for row in rows]


def h5_ids(path: Path) -> list[str]:
    with h5py.File(path) as file:
        return [file[name].attrs.get("original_id", name) for name in file]


def npz_ids(path: Path) -> list[str]:
    with np.load(path, allow_pickle=False) as archive:
        ids: list[str] = archive["ids"].tolist()
        return ids


def parquet_ids(path: Path) -> list[str]:
    ids: list[str] = pq.read_table(path)["id"].to_pylist()
    return ids


def table_ids(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row["id"] for row in csv.DictReader(file, dialect="excel-tab")]


PLAIN_IDS: dict[str, Callable[[Path], list[str]]] = {
    "virnucpro": virnucpro_ids,
    "esm": esm_ids,
    "h5": h5_ids,
    "npz": npz_ids,
    "parquet": parquet_ids,
    "index": table_ids,
}
