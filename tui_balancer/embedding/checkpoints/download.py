"""Fetching fair-esm's checkpoints into torch's hub cache. Imports no torch.

`torch.hub.download_url_to_file` knows neither a time limit nor a callback, and takes a body
that ends early for a whole one; hence a download of our own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from tui_balancer.errors import UserError

MODELS_URL = "https://dl.fbaipublicfiles.com/fair-esm/models"

_CHUNK_BYTES = 1 << 20
_STALL_SECONDS = 60.0

OnDownload = Callable[[int, int], None]
"""Called with the bytes received and the bytes expected; 0 expected where unknown."""


def download_checkpoint(
    name: str,
    target: Path,
    on_download: OnDownload | None = None,
    first_byte_seconds: float | None = None,
    models_url: str = MODELS_URL,
) -> None:
    """Download a named model's checkpoint; `target` appears whole or not at all.

    Args:
        name: A name of the registry.
        target: Where the file goes; its folder is made.
        on_download: Hears of the progress.
        first_byte_seconds: Longest wait for the server to answer, name look-up included.
        models_url: Folder that the checkpoint is fetched from.

    Raises:
        UserError: No network, no such file there, no space, or the body ended early.
    """
    url = f"{models_url}/{name}.pt"
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            for chunk in _body(name, url, on_download, first_byte_seconds or _STALL_SECONDS):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        what = "no space left" if error.errno == errno.ENOSPC else _words(error)
        raise UserError(
            f"cannot write {target}: {what}; make room, or set TORCH_HOME to another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _body(
    name: str, url: str, on_download: OnDownload | None, first_byte_seconds: float
) -> Iterator[bytes]:
    """Yield the body of `url`; every failure of the network is a `UserError`."""
    try:
        with _opened(url, first_byte_seconds) as response:
            expected = int(response.headers.get("Content-Length") or 0)
            received = 0
            while chunk := response.read(_CHUNK_BYTES):
                yield chunk
                received += len(chunk)
                if on_download is not None:
                    on_download(received, expected)
        if received < expected:
            raise ConnectionError(f"the transfer ended after {received:,} of {expected:,} bytes")
    except urllib.error.HTTPError as error:
        raise UserError(
            f"{name}: the server answered {error.code} {error.reason} for {url}; "
            "try again later, or give the path of a checkpoint"
        ) from error
    except (OSError, HTTPException) as error:
        raise UserError(
            f"{name} is not cached and cannot be downloaded ({_words(error)}): check the "
            f"network, give the path of a checkpoint, or take untrained:{name}"
        ) from error


def _opened(url: str, seconds: float) -> HTTPResponse:
    """Return the response to a request for `url`, or raise within `seconds`.

    The socket's own timeout bounds neither the look-up of the name nor the tries of several
    addresses together, so a thread waits for the answer and is left behind when it is late.
    """
    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()

    def ask() -> None:
        request = urllib.request.Request(url, headers={"User-Agent": "tui-balancer"})
        try:
            answers.put(urllib.request.urlopen(request, timeout=_STALL_SECONDS))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, name="download", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _words(error: BaseException) -> str:
    """Return why something failed, in words rather than numbers, on one line."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return " ".join(str(reason).split()) or type(reason).__name__
