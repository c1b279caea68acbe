"""The demo's score: others count over the very time that the daemon has measured."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.cli.baselines import Baseline
from vpp.cli.demo_screen import Screen
from vpp.control.inputs import Alarm
from vpp.runtime.score import Reached
from vpp.runtime.view import View

PORTFOLIO = two_sites()
HOURS = 4
EMPTY = View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, {}))


def steady() -> Baseline:
    """Draws 1 kW in the first hour, 2 kW in the second and so on; all of it is imported."""
    edges_s = NOON.timestamp() + np.linspace(0.0, 3600.0 * HOURS, 4 * HOURS + 1)
    import_kw = np.repeat(np.arange(1.0, HOURS + 1), 4)
    drawn_kwh = np.concatenate([[0.0], np.cumsum(import_kw / 4)])
    none_kwh = np.zeros_like(drawn_kwh)
    return Baseline(
        name="steady",
        edges_s=edges_s,
        load_kwh=drawn_kwh,
        ev_kwh=none_kwh,
        import_kwh=drawn_kwh,
        export_kwh=none_kwh,
        renewable_kwh=none_kwh,
        credit_kwh=none_kwh,
        import_kw=import_kw,
    )


def screen_after(*minutes: tuple[int, float], text: StringIO | None = None) -> tuple[Screen, View]:
    """A screen that followed views at these minutes, with so many seconds unmeasured until then."""
    screen, view = Screen(Console(file=text or StringIO(), width=120), [steady()]), EMPTY
    for minute, unmeasured_s in minutes:
        view = replace(
            EMPTY,
            snapshot=replace(EMPTY.snapshot, at=NOON + timedelta(minutes=minute)),
            reached=Reached(unmeasured_s=unmeasured_s),
        )
        screen.follow(view)
    return screen, view


def test_others_are_scored_from_the_first_view_to_the_newest() -> None:
    screen, view = screen_after((30, 0.0), (60, 0.0), (120, 0.0))
    steady_row, own = screen.rows(view)
    assert (steady_row.controller, own.controller) == ("steady", "this daemon")
    assert steady_row.import_kwh == pytest.approx(0.5 + 2.0)
    assert steady_row.peak_kw == pytest.approx(2.0)


def test_what_the_daemon_could_not_see_counts_for_nobody() -> None:
    screen, view = screen_after((0, 0.0), (60, 0.0), (120, 3600.0), (180, 3600.0))
    assert screen.rows(view)[0].import_kwh == pytest.approx(1.0 + 3.0)
    text = StringIO()
    screen_after((0, 0.0), (60, 3600.0), text=text)[0].final()
    assert "60 min of the city's time were not measured in whole" in text.getvalue()


def test_a_quarter_hour_with_a_gap_makes_no_peak_for_the_others_either() -> None:
    screen, view = screen_after((0, 0.0), (70, 0.0), (71, 60.0), (80, 60.0))
    assert screen.rows(view)[0].peak_kw == pytest.approx(1.0)


def test_the_newest_view_is_drawn_as_a_picture(tmp_path: Path) -> None:
    screen, _ = screen_after((0, 0.0), (60, 0.0))
    screen.draw(tmp_path / "view.svg")
    drawn = (tmp_path / "view.svg").read_text()
    assert drawn.startswith("<svg")
    assert "self-sufficiency" in drawn
    assert "home-bat" in drawn
    assert "steady" in drawn


@pytest.mark.parametrize(("number", "words"), [(1, "| 1 alarm |"), (2, "| 2 alarms |")])
def test_a_line_counts_alarms_in_words(number: int, words: str) -> None:
    text = StringIO()
    screen, view = screen_after((0, 0.0), text=text)
    alarm = Alarm(code="STALE_METER", subject="node:shop", text="nothing heard for 40 s")
    screen.show(replace(view, alarms=(alarm,) * number))
    assert words in text.getvalue()


def test_beyond_the_days_that_are_known_nothing_is_said_of_others() -> None:
    screen, view = screen_after((0, 0.0), (60 * HOURS + 1, 0.0))
    row = screen.rows(view)[0]
    assert (row.import_kwh, row.peak_kw, row.self_sufficiency) == (None, None, None)
