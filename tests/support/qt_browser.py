"""A picture of a page by the Chromium in Qt, as a process of its own: it may not share one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PAUSE_MS = 500

SETTLED = 6
"""So many looks in a row must show the same: other processes paint the page, some time after it is
loaded, and a large picture in it step by step."""


def main(page: Path, picture: Path, width: int, height: int) -> int:
    """Open the page off screen and save what it looks like."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")
    os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--disable-gpu --hide-scrollbars")
    from PyQt6.QtCore import QTimer, QUrl
    from PyQt6.QtWebEngineCore import QWebEngineSettings
    from PyQt6.QtWebEngineWidgets import QWebEngineView
    from PyQt6.QtWidgets import QApplication

    application = QApplication(sys.argv[:1])
    view = QWebEngineView()
    view.resize(width, height)
    settings = view.settings()
    assert settings is not None
    settings.setAttribute(QWebEngineSettings.WebAttribute.ShowScrollBars, False)

    seen = []

    def look() -> None:
        seen.append(view.grab().toImage())
        del seen[:-SETTLED]
        if len(seen) == SETTLED and all(one == seen[0] for one in seen):
            seen[0].save(str(picture))
            application.quit()
        else:
            QTimer.singleShot(PAUSE_MS, look)

    view.loadFinished.connect(lambda _loaded: QTimer.singleShot(PAUSE_MS, look))
    view.load(QUrl.fromLocalFile(str(page.absolute())))
    view.show()
    code: int = application.exec()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
