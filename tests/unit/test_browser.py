"""The picture of the report: made by whatever Chromium there is, or a line says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import browser

CHROMIUM = """#!/bin/sh
for word in "$@"; do
    case "$word" in --screenshot=*) echo "$@" > "${word#--screenshot=}";; esac
done
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(browser, "NAMES", ("chromium-of-a-test",))
    monkeypatch.setattr(browser, "find_spec", lambda _name: None)
    return tmp_path / "report.html"


def chromium(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


def test_a_chromium_on_the_path_opens_the_page(page: Path) -> None:
    chromium(page.parent / "chromium-of-a-test", CHROMIUM)
    picture = page.parent / "report.png"
    browser.take_picture(page, picture)
    assert picture.read_text().split()[-1] == page.as_uri()


def test_without_a_browser_a_line_says_how_to_get_one(page: Path) -> None:
    with pytest.raises(browser.BrowserMissing, match=r"no Chromium .* pip install"):
        browser.take_picture(page, page.parent / "report.png")


def test_a_browser_that_fails_leaves_the_older_picture(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium(page.parent / "broken", "#!/bin/sh\necho no display >&2; exit 3\n")
    monkeypatch.setenv("CHROMIUM", str(page.parent / "broken"))
    picture = page.parent / "report.png"
    picture.write_text("older")
    with pytest.raises(browser.BrowserMissing, match=r"made no picture \(3\): no display"):
        browser.take_picture(page, picture)
    assert picture.read_text() == "older"
