"""Takes a picture of a page in a headless Chromium: `python -m tests.browser PAGE PICTURE`.

Any Chromium will do that is on the PATH, or that CHROMIUM names; without one, Qt's, which
`pip install '.[screenshots]'` brings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell")
SIZE = (1200, 1900)
"""Of the page in pixels."""

MISSING = (
    "no Chromium to open the page in: put one of " + ", ".join(NAMES) + " on the PATH, name it by "
    "CHROMIUM, or pip install '.[screenshots]'"
)
PATIENCE_SECONDS = 120


class BrowserMissing(Exception):
    """There is nothing that could open a page."""


def take_picture(page: Path, picture: Path) -> None:
    """Open a page without network access and keep what it looks like.

    Raises:
        BrowserMissing: There is no browser, or it failed; the line says what to do.
    """
    browser = _browser()
    taken = picture.absolute().with_name(f"new-{picture.name}")
    if browser is not None:
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--window-size={SIZE[0]},{SIZE[1]}", f"--screenshot={taken}"),
            page.absolute().as_uri(),
        ]
    elif find_spec("PyQt6") is not None and find_spec("PyQt6.QtWebEngineWidgets") is not None:
        module = "tests.support.qt_browser"
        command = [sys.executable, "-m", module, str(page), str(taken), *map(str, SIZE)]
    else:
        raise BrowserMissing(MISSING)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    if not taken.exists():
        raise BrowserMissing(f"{command[0]} made no picture ({done.returncode}): {done.stderr}")
    taken.replace(picture)


def _browser() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


if __name__ == "__main__":
    try:
        take_picture(Path(sys.argv[1]), Path(sys.argv[2]))
    except BrowserMissing as missing:
        sys.exit(str(missing))
    print(sys.argv[2])
