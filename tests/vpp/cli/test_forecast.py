"""``vpp forecast`` as a person gives it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.vpp.backtest.folders import hourly, signals, write_folder
from vpp.cli import exits
from vpp.cli.main import app

HOURS = 18 * 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    changed = {"sites_hourly.csv": hourly(HOURS), "signals_hourly.csv": signals(HOURS)}
    record = tmp_path / "record"
    record.mkdir()
    return write_folder(record, {**changed, "ev_sessions.csv": None})


def evaluate(*arguments: object) -> Result:
    told = ["forecast", "evaluate", *map(str, arguments)]
    return CliRunner().invoke(app, told, env={"COLUMNS": "120"})


def test_figures_are_printed_beside_the_yardsticks(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "forecast.html"
    told = evaluate(folder, "--after", "15d", "--every", "6h", "--leads", "1h,12h", "--out", page)
    assert told.exit_code == exits.OK, told.output
    assert "pool net" in told.stdout
    assert "12 h" in told.stdout
    assert "skill against ridge, yesterday, last week" in told.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_is_the_whole_of_standard_output(folder: Path) -> None:
    told = evaluate(folder, "--after", "15d", "--every", "12h", "--json", "--forecast", "ridge")
    figures = json.loads(told.stdout)
    assert figures["issues"] == 5
    (pool,) = (
        row
        for row in figures["figures"]
        if (row["subject"], row["lead_h"], row["forecast"]) == ("pool net", 24.0, "ridge")
    )
    assert pool["mae_kw"] == pytest.approx(0.0, abs=0.05)
    assert set(pool["skill"]) == {"yesterday", "last week"}


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (["--forecast", "oracle"], exits.CONFIGURATION, "no vpp.forecasters named 'oracle'"),
        (["--leads", "soon"], exits.USAGE, "is no length of time"),
        ([], exits.FAILED, "has no room for a first forecast after 28 days"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, said: list[str], code: int, words: str) -> None:
    told = evaluate(folder, *said)
    assert told.exit_code == code
    assert words in " ".join(told.stderr.split())
