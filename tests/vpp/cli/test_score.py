"""``vpp score``, the line in the live view, and the metrics: one day, three doors."""

import json
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from structlog.testing import capture_logs
from typer.testing import CliRunner

from tests.vpp.control.planning.cities import snapshot, two_sites
from tests.vpp.domain.days import LOAD_KW, SUN_KW, day_of, followed, good_day
from vpp.cli import exits
from vpp.cli.live_view import live_view
from vpp.cli.main import app
from vpp.cli.score_line import in_a_line
from vpp.domain.day import DayScore
from vpp.domain.judging import judge
from vpp.domain.order import Order
from vpp.domain.rules import no_control
from vpp.runtime.day_metrics import days
from vpp.runtime.score_book import NAME, ScoreBook
from vpp.runtime.view import View

GOOD = judge(good_day())
SPOILT = day_of(*followed(LOAD_KW - SUN_KW, np.array([1.0, 2.0]), no_control))
BAD = judge(replace(SPOILT, date=date(2026, 6, 3)))
MISSING = judge(replace(good_day(), net_kw=np.full(96, np.nan), date=date(2026, 6, 4)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of portfolio ``city``."""
    monkeypatch.setenv("VPP_STATE_HOME", str(tmp_path))
    (tmp_path / "city").mkdir()
    return tmp_path / "city"


def keep(home: Path, *scores: DayScore) -> None:
    book = ScoreBook(home / NAME)
    for score in scores:
        book.add(score)


def told(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["score", "--portfolio", "city", *arguments])
    return done.exit_code, done.output


def test_every_day_is_a_row_and_a_bad_one_a_sentence(home: Path) -> None:
    keep(home, GOOD, BAD, MISSING)
    code, said = told()
    assert code == exits.OK
    assert "Tue 02 Jun 2026" in said
    assert "north, Wed 03 Jun: " in said
    assert "unexplained" in said
    assert "north, Thu 04 Jun is not judged: the net of the pool was not measured" in said


def test_lines_of_garbage_are_counted_in_one_sentence(home: Path) -> None:
    (home / NAME).write_bytes(b"garbage\n\xff\n" * 500)
    with capture_logs() as heard:
        code, said = told()
    assert (code, "can be read" in said) == (exits.FAILED, True)
    keep(home, GOOD)
    with capture_logs() as heard_again:
        assert "Tue 02 Jun 2026" in told()[1]
    for (one,) in (heard, heard_again):
        assert (one["lines"], one["first"]) == (1000, 1)


def test_a_span_of_days_is_cut_out(home: Path) -> None:
    keep(home, GOOD, BAD, MISSING)
    _, said = told("--from", "2026-06-03", "--to", "2026-06-03", "--json")
    (one,) = json.loads(said)
    assert one["date"] == "2026-06-03"
    assert one["reached"]["causes"]["unexplained"] == pytest.approx(
        BAD.reached.regret if BAD.reached else 0.0
    )
    code, said = told("--from", "2027-01-01")
    assert code == exits.FAILED
    assert "none of these days is scored" in said


def test_without_a_score_it_says_when_there_will_be_one(home: Path) -> None:
    code, said = told()
    assert code == exits.FAILED
    assert "no day is scored yet" in said.replace("\n", " ")
    assert told("--from", "yesterday")[0] == exits.USAGE


def test_what_is_kept_comes_back_as_it_was(home: Path) -> None:
    keep(home, GOOD, BAD, MISSING)
    assert ScoreBook(home / NAME).all == (GOOD, BAD, MISSING)


def test_a_folder_in_the_place_of_scores_makes_way(home: Path) -> None:
    (home / NAME).mkdir()
    keep(home, GOOD)
    assert ScoreBook(home / NAME).all == (GOOD,)
    assert [kept.is_dir() for kept in home.glob("scores.damaged-*.jsonl")] == [True]


def test_the_live_view_has_one_line_for_the_last_day() -> None:
    view = View(portfolio=two_sites(), snapshot=snapshot(two_sites(), {}), scores={GOOD.pool: GOOD})
    for width in (60, 150):
        console = Console(width=width, height=50, record=True, file=StringIO())
        console.print(live_view(view, [], width=width, height=50))
        assert "Tue 02 Jun: north self-consumption" in console.export_text()
    assert in_a_line([MISSING]) == "Thu 04 Jun: north not judged, 0.0 % measured"


def test_the_last_day_stands_in_the_metrics_in_base_units() -> None:
    assert GOOD.reached is not None
    text = days({GOOD.pool: GOOD}, "Asia/Seoul").decode()
    import_j = GOOD.reached.import_kwh * 3.6e6
    assert f'vpp_day_import_joules{{pool="north"}} {import_j:.9g}\n' in text
    assert 'vpp_day_bad{pool="north"} 0\n' in text
    assert 'vpp_day_cost{pool="north",currency="KRW"}' in text
    assert 'vpp_day_regret_joules{pool="north",cause="forecast"}' in text
    assert "vpp_day_regret_cost" not in text
    unjudged = days({MISSING.pool: MISSING}, "Asia/Seoul").decode()
    assert 'vpp_day_measured_ratio{pool="north"} 0\n' in unjudged
    assert "vpp_day_import_joules" not in unjudged
    assert days({}, "Asia/Seoul") == b""
    money = judge(good_day(order=Order.COST))
    text = days({money.pool: money}, "Asia/Seoul").decode()
    assert 'cause="unexplained",currency="KRW"}' in text
