"""Hugging Face's format: a folder with `config.json` and the weights, in safetensors or torch's
format, in one file or in several.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from tui_balancer.embedding.checkpoints.tensors import file_sha256, unpickled
from tui_balancer.errors import UserError

CONFIG_NAME = "config.json"

WEIGHTS_NAMES = ("model.safetensors", "pytorch_model.bin")
"""The better one first. Weights in several files have an index, which is called the same with
`.index.json` behind it."""

_OLD_NAMES = {"gamma": "weight", "beta": "bias"}


def folder_sha256(folder: Path, tokenizers: Sequence[str] = ()) -> str:
    """Return the SHA-256 of the weights' file; of several, that of what `sha256sum` prints of them.

    Args:
        folder: Of a model.
        tokenizers: Names of files that decide its vectors too, where they are there.

    Raises:
        UserError: There are none.
    """
    others = (folder / name for name in tokenizers)
    files = [*weights_files(folder), *(path for path in others if path.exists())]
    if len(files) == 1:
        return file_sha256(files[0])
    lines = "".join(f"{file_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def weights_files(folder: Path) -> tuple[Path, ...]:
    """Return the files with the weights, in the order of their names.

    Raises:
        UserError: There are none.
    """
    for name in WEIGHTS_NAMES:
        if (folder / name).exists():
            return (folder / name,)
        index = folder / f"{name}.index.json"
        if index.exists():
            places = read_json(index).get("weight_map")
            names = set(places.values()) if isinstance(places, dict) else set()
            if not names or not all(isinstance(one, str) and "/" not in one for one in names):
                raise UserError(f"{index} does not say where the weights are")
            return tuple(folder / one for one in sorted(names))
    raise UserError(f"{folder} has no weights: neither {' nor '.join(WEIGHTS_NAMES)}")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file of a folder.

    Raises:
        UserError: There is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path.parent} is no model in Hugging Face's format: it has no {path.name}"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"cannot read {path}: it holds no object")
    return content


def folder_tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield a folder's tensors with Hugging Face's names, mapped where the format allows.

    Raises:
        UserError: There are none, a file is broken, or it holds something else than tensors.
    """
    for path in weights_files(folder):
        for key, value in _tensors(path).items():
            yield _modern(str(key)), value


def _modern(key: str) -> str:
    """Return a tensor's name in a model.

    transformers 5 writes the weights of some layer norms under the names that they had in its
    models for TensorFlow, and reads both.
    """
    module, _, name = key.rpartition(".")
    return f"{module}.{_OLD_NAMES.get(name, name)}" if module.endswith("LayerNorm") else key


def _tensors(path: Path) -> Mapping[str, torch.Tensor]:
    if path.suffix != ".safetensors":
        return unpickled(path)
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"there is no checkpoint {path}: check the path") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error
