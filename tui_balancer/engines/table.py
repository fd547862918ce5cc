"""The engines, all in one table. Imports none of their libraries.

Each but that of this machine has a module with `find(request, search)`, which is imported when it
is needed: it may want libraries that not everybody has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from tui_balancer.engines.dask.request import DASK
from tui_balancer.engines.engine import DeviceSearch, DevicesFound, EngineRequest


@dataclass(frozen=True, slots=True)
class EngineProvider:
    """One way to start workers.

    Attributes:
        name: As in `--engine`.
        words: What the workers are, as the help says it.
        module: Finds the devices, in this package; empty where the devices are this machine's.
    """

    name: str
    words: str
    module: str = ""


_ENGINES = (
    EngineProvider("local", "processes of this machine"),
    EngineProvider(
        DASK,
        "the workers of a Dask cluster, one a GPU; say which by one of the next four options",
        "dask.provider",
    ),
)
ENGINES: Mapping[str, EngineProvider] = MappingProxyType({one.name: one for one in _ENGINES})


class Provider(Protocol):
    """The module of an engine."""

    def find(self, request: EngineRequest, search: DeviceSearch) -> DevicesFound:
        """See `find_devices`."""


def find_devices(request: EngineRequest, search: DeviceSearch) -> DevicesFound:
    """Find the devices that an engine's workers compute on, and see that they are fit for a run.

    Raises:
        UserError: There are none, or one is not fit; the line names it.
        MissingExtra: A library of the engine is not installed.
    """
    module = import_module(f"{__package__}.{ENGINES[request.engine].module}")
    return cast(Provider, module).find(request, search)
