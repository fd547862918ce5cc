"""Lines of spans: fitting, joining, spreading."""

from __future__ import annotations

from tui_balancer.ui.styles import Line, fit, join, line_width, plain, spread

LEFT: Line = [("running", "good")]
RIGHT: Line = [("3 failed", "bad")]
DETAIL: Line = [("2 running, 9 waiting", "dim")]


def test_a_short_line_is_filled_up_at_the_asked_side() -> None:
    assert plain(fit([("97%", "good")], 6)) == "97%   "
    assert plain(fit([("97%", "good")], 6, right=True)) == "   97%"


def test_a_long_line_is_cut_and_keeps_the_tones_of_what_stays() -> None:
    line: Line = [("cuda:0", "strong"), (" is paused", "dim")]
    assert fit(line, 10) == [("cuda:0", "strong"), (" is…", "dim")]


def test_a_line_cut_between_wide_letters_is_not_too_wide() -> None:
    assert line_width(fit([("海洋海洋", "plain")], 6)) <= 6


def test_join_leaves_empty_parts_out() -> None:
    assert plain(join([LEFT, [], RIGHT], " · ")) == "running · 3 failed"


def test_spread_takes_the_first_layout_that_fits() -> None:
    full, less = ([LEFT, DETAIL], [RIGHT]), ([LEFT], [RIGHT])
    assert plain(spread(40, " ", full, less)) == "running 2 running, 9 waiting    3 failed"
    assert plain(spread(30, " ", full, less)) == "running               3 failed"


def test_spread_cuts_the_last_layout_when_none_fits() -> None:
    assert plain(spread(12, " ", ([LEFT], [RIGHT]))) == "running  3 …"
