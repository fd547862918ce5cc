"""What an output says about its own making: enough to repeat it. Imports no torch.

Nothing here depends on when, where or at which attempt the output was made, so that equal
vectors make equal files.
"""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Mapping, Sequence
from itertools import chain

_COUNTS = frozenset(
    {
        *("from_store", "replaced", "sequences", "skipped", "split_batches", "truncated"),
        "windowed",
    }
)
_IDS = frozenset({"failed_ids", "skipped_ids", "truncated_ids"})

MetadataValue = str | int | bool | list[str] | list[int]


def utf8_name(name: str) -> str:
    """Return a file's name as every format takes it: a byte that is not UTF-8 becomes `\\xff`."""
    return os.fsencode(name).decode(errors="backslashreplace")


def joined_provenance(
    shards: Sequence[Mapping[str, MetadataValue]], input_sha256: str, names: Mapping[str, str]
) -> dict[str, MetadataValue]:
    """Return the metadata of an output that is made of shards.

    Args:
        shards: Metadata of each.
        input_sha256: Of the whole input.
        names: What the ids in the shards' lists are called in the output.
    """
    joined: dict[str, MetadataValue] = {}
    for name, value in sorted(ChainMap(*(dict(one) for one in shards)).items()):
        values = [shard[name] for shard in shards if name in shard]
        if name in _COUNTS:
            joined[name] = sum(one for one in values if isinstance(one, int))
        elif name in _IDS:
            lists = (one for one in values if isinstance(one, list))
            joined[name] = [names[str(one)] for one in chain.from_iterable(lists)]
        else:
            joined[name] = value
    return joined | {"input_sha256": input_sha256}
