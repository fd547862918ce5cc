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
        super().__init__(f"{path} is not an {title} checkpoint ({reason})")


def unpickled(path: Path, title: str) -> Mapping[str, Any]:
    """Return what a file of torch's holds, read under its safe loading.

    Args:
        path: The file.
        title: Of the family that it should be of.

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
            reason = "it holds Python objects, which are never loaded"
            raise NotOfFamily(path, title, reason) from error
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError) as error:
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error
    if not isinstance(data, Mapping):
        raise NotOfFamily(path, title, "it is not a dictionary")
    return data


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
