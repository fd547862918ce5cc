"""Tensors read from checkpoint files under their names, never as Python objects."""

from __future__ import annotations

import argparse
import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tui_balancer.embedding.checkpoints.registry import ModelShape
from tui_balancer.errors import UserError

_HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        shape: Of the model.
        token_dropout: Whether embeddings are scaled as if tokens had been masked.
        weights: By their names in fair-esm's model.
    """

    shape: ModelShape
    token_dropout: bool
    weights: dict[str, torch.Tensor]


def is_plausible(shape: ModelShape) -> bool:
    """Whether a model can have these sizes, which came from a file and may be anything."""
    sizes = (shape.layers, shape.width, shape.heads)
    return all(isinstance(size, int) and size > 0 for size in sizes) and (
        shape.width % shape.heads == 0
    )


def unpickled(path: Path) -> Mapping[str, Any]:
    """Return what a file of torch's holds, read under its safe loading.

    Raises:
        UserError: There is no such file, it is broken, or it holds something else than tensors.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            # Only torch's zip format can be mapped; the older one is read as a whole.
            data = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except FileNotFoundError:
        raise UserError(f"there is no checkpoint {path}: check the path") from None
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        if "Unsupported global" in str(error):
            raise not_esm2(path, "it holds Python objects, which are never loaded") from error
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError) as error:
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error
    if not isinstance(data, Mapping):
        raise not_esm2(path, "it is not a dictionary")
    return data


def not_esm2(path: Path, reason: str) -> UserError:
    """Return the error for a checkpoint that can be read and is of another model."""
    return UserError(f"{path} is not an ESM-2 checkpoint ({reason})")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
