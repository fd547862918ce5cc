"""Tensors read from checkpoint files under their names, never as Python objects."""

from __future__ import annotations

import argparse
import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tui_balancer.errors import UserError

_HASH_CHUNK_BYTES = 1 << 20


class NotOfFamily(UserError):
    """A checkpoint that can be read, and is of another family than was thought."""

    def __init__(self, path: Path, title: str, reason: str) -> None:
        super().__init__(str(unfit(path, title, reason)))
        self.title, self.reason = title, reason


def unfit(path: Path, title: str, reason: str) -> UserError:
    """Return the error for a checkpoint that is of a family, and not complete or not right."""
    return UserError(f"{path} is not a checkpoint of {title} ({reason})")


def refuse_misfits(
    path: Path, title: str, expected: Mapping[str, tuple[int, ...]], tensors: Mapping[str, object]
) -> None:
    """Compare what a checkpoint holds with the tensors of a model.

    Args:
        path: Of the checkpoint.
        title: Of the family.
        expected: The shapes of the model's tensors, by name.
        tensors: The checkpoint's, by name.

    Raises:
        UserError: One is missing, unknown or of another shape.
    """
    for name in expected:
        if name not in tensors:
            raise unfit(path, title, f"{name} is missing")
    for name, value in tensors.items():
        if name not in expected:
            raise unfit(path, title, f"{name} is unknown")
        if not isinstance(value, torch.Tensor) or value.shape != expected[name]:
            raise unfit(path, title, f"{name} has the wrong shape")


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
            raise UserError(
                f"the checkpoint {path} holds Python objects, which are never loaded"
            ) from error
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError) as error:
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error
    if not isinstance(data, Mapping):
        raise UserError(f"the checkpoint {path} is not a dictionary of tensors")
    return data


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
