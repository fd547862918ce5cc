"""The table of engines. Imports none of their libraries.

Each but that of this machine has a module with `find(request, search)`, which is imported when it
is needed: it may want libraries that not everybody has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from tui_balancer.engines.dask.request import DASK

if TYPE_CHECKING:
    from tui_balancer.engines.engine import DeviceSearch, DevicesFound
    from tui_balancer.engines.request import EngineRequest


@dataclass(frozen=True, slots=True)
class EngineProvider:
    """One way to start workers.

    Attributes:
        name: As in `--engine`.
        words: Description of the workers, for the help.
        module: Module in this package that finds the devices; empty for this machine.
    """

    name: str
    words: str
    module: str = ""


_ENGINES = (
    EngineProvider("local", "processes of this machine"),
    EngineProvider(
        DASK,
        "the workers of a Dask cluster, one per GPU; select it by one of the next four options",
        "dask.provider",
    ),
)
ENGINES: Mapping[str, EngineProvider] = MappingProxyType({one.name: one for one in _ENGINES})


class Provider(Protocol):
    """The module of an engine."""

    def find(self, request: EngineRequest, search: DeviceSearch) -> DevicesFound:
        """See `find_devices`."""


def find_devices(request: EngineRequest, search: DeviceSearch) -> DevicesFound:
    """Find an engine's devices, and check them for a run.

    Raises:
        UserError: There are none, or one fails the checks; the message names it.
        MissingExtra: A library of the engine is not installed.
    """
    module = import_module(f"{__package__}.{ENGINES[request.engine].module}")
    return cast(Provider, module).find(request, search)
