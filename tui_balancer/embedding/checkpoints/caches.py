"""Where checkpoints lie on this machine: the caches of torch and Hugging Face. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from tui_balancer.embedding.families.table import FAMILIES, MODELS


def cached_model(name: str) -> Path | None:
    """Return the file or folder of a named model; None if it is not on this machine."""
    family = FAMILIES[MODELS[name].family]
    if not family.downloaded:
        return cached_snapshot(family.models[name].repository)
    path = cached_checkpoint(name)
    return path if path.exists() else None


def cached_checkpoint(name: str) -> Path:
    """Return where torch's hub cache keeps a named model's checkpoint, be it there or not.

    The same folder as `torch.hub.get_dir()` answers, without importing torch.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser()
    return home / "hub" / "checkpoints" / f"{name}.pt"


def hub_cache() -> Path:
    """Return the folder in which `huggingface_hub` keeps models, by its own rules."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def cached_snapshot(repository: str) -> Path | None:
    """Return the folder of a model in Hugging Face's cache; None if it is not there.

    Args:
        repository: `OWNER/NAME`; the newest revision of its main branch that was fetched counts.
    """
    entry = hub_cache() / f"models--{repository.replace('/', '--')}"
    try:
        revision = (entry / "refs" / "main").read_text().strip()
    except OSError:
        return None
    snapshot = entry / "snapshots" / revision
    return snapshot if snapshot.is_dir() else None
