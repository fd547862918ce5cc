"""The film of the README: what it shows when, and that any browser can play it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from rich.segment import Segment
from rich.style import Style

from tests.support.film import Frame, paced, svg, thinned

SVG = "{http://www.w3.org/2000/svg}"


def frame(seconds: float, text: str, caption: str = "") -> Frame:
    style = Style(color="#ff0000", bgcolor="#0000ff", bold=True)
    return Frame(seconds, ((Segment(f"{text:<10}", style),), (Segment("same <&> "),)), caption)


def test_what_has_a_caption_keeps_its_pace_and_the_rest_takes_what_is_left() -> None:
    film = paced([frame(30, "a"), frame(5, "b", "look"), frame(10, "c")], 15)
    assert [one.seconds for one in film] == pytest.approx([7.5, 5, 2.5])


def test_frames_that_come_at_once_are_one_and_the_time_stays() -> None:
    film = thinned(
        [frame(0.1, "a"), frame(0.1, "b"), frame(0.3, "b"), frame(0.1, "c", "look")], 0.2
    )
    assert [(one.seconds, one.rows[0][0].text.strip()) for one in film] == [
        (pytest.approx(0.5), "b"),
        (pytest.approx(0.1), "c"),
    ]


def test_a_line_that_frames_share_is_drawn_once_and_all_is_well_formed() -> None:
    picture = svg([frame(1, "a"), frame(3, "b", "look <here>")], "A & B")
    tree = ElementTree.fromstring(picture)
    drawn = [text.text for text in tree.iter(f"{SVG}text") if text.text]
    assert sorted(text.strip() for text in drawn) == ["a", "b", "look <here>", "same <&>"]
    assert tree.findtext(f"{SVG}title") == "A & B"
    assert re.findall(r"([\d.]+)%\{", picture) == ["0.000", "25.000"]
    assert "4.00s" in picture
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", picture), "nothing is loaded"
