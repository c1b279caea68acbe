"""``vpp forecast`` as a person gives it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.vpp.backtest.folders import hourly, signals, write_folder
from vpp.backtest.data import between, read_recording
from vpp.backtest.thinking import installed
from vpp.cli import exits
from vpp.cli.main import app
from vpp.cli.past import RecordedHistory
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.control.outlook import recorded
from vpp.domain.slots import SlotGrid
from vpp.ports.planner import Learning
from vpp.runtime.model_registry import MODELS, ModelRegistry
from vpp.runtime.state_home import state_dir

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
    assert "too few to rank forecasts by" in told.stdout
    assert "skill against ridge, yesterday, last week" in told.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_record_with_weather_shows_what_it_is_worth(folder: Path) -> None:
    with_weather(folder)
    told = evaluate(folder, "--after", "15d", "--every", "12h", "--leads", "1h", "--json")
    rows = [one for one in json.loads(told.stdout)["figures"] if one["forecast"] == "model"]
    assert all("no weather" in one["skill"] for one in rows)
    plain = evaluate(folder, "--after", "15d", "--every", "12h", "--leads", "1h")
    assert "skill against ridge, no weather, yesterday, last week" in plain.stdout


@pytest.mark.parametrize(("width", "more"), [(60, True), (80, True), (160, False)])
def test_a_narrow_terminal_goes_without_columns_and_cuts_none(
    folder: Path, width: int, more: bool
) -> None:
    with_weather(folder)
    asked = ["forecast", "evaluate", str(folder), "--after", "15d", "--every", "12h", "--leads"]
    terminal = {"COLUMNS": str(width), "FORCE_COLOR": "1", "TERM": "xterm"}
    told = CliRunner().invoke(app, [*asked, "1h,6h,24h"], env=terminal).stdout
    assert "MAE kW" in told
    assert "…" not in told
    assert ("a wider terminal" in told) is more
    assert ("pinball" in told) is not more


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
        (["--forecast", "oracle"], exits.USAGE, "no forecaster 'oracle' is installed: one of"),
        (["--out", "/nowhere/forecast.html"], exits.USAGE, "there is no folder '/nowhere'"),
        (["--city", "city-20"], exits.USAGE, "the city city-20 has no site"),
        (["--leads", "soon"], exits.USAGE, "is no length of time"),
        ([], exits.FAILED, "has no room for a first forecast after 28 days"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, said: list[str], code: int, words: str) -> None:
    told = evaluate(folder, *said)
    assert told.exit_code == code
    assert words in " ".join(told.stderr.split())


def house_record(tmp_path: Path) -> Path:
    """Of the example's site, hourly."""
    rows = [
        f"2026-06-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z,house,{3 if hour % 24 > 16 else 1},0"
        for hour in range(HOURS)
    ]
    record = tmp_path / "record"
    record.mkdir()
    (record / "sites.csv").write_text("site\nhouse\n", encoding="utf-8")
    text = "\n".join(["timestamp_utc,site,load_kw,pv_kw", *rows])
    (record / "sites_hourly.csv").write_text(text + "\n", encoding="utf-8")
    return record


def with_weather(record: Path) -> None:
    """One forecast of every hour, a day ahead, that reaches two days beyond the record."""
    grid = read_recording(record).grid
    hours = np.arange(grid.edges_s[0], grid.edges_s[-1] + 48 * 3600.0, 3600.0)
    rows = [
        f"{datetime.fromtimestamp(at_s, UTC).isoformat()},{lead},10,{200 + at_s % 7200 / 36},90"
        for at_s in hours
        for lead in (0, 24)
        if at_s < grid.edges_s[-1] + lead * 3600.0
    ]
    text = "\n".join(["timestamp_utc,lead_h,air_c,ghi_w_per_m2,dhi_w_per_m2", *rows])
    (record / "weather_hourly.csv").write_text(text + "\n", encoding="utf-8")


@pytest.mark.parametrize("weather", [False, True])
@pytest.mark.parametrize("lost", [False, True])
def test_what_was_trained_is_what_a_worker_begins_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weather: bool, lost: bool
) -> None:
    """The worker's own history is an hour old; the weather may be lost to it on its first day."""
    monkeypatch.setenv("VPP_STATE_HOME", str(tmp_path / "state"))
    city, record = tmp_path / "city.yaml", house_record(tmp_path)
    text = example_city("one-house").read_text(encoding="utf-8")
    city.write_text(text + ("weather: {source: open-meteo}\n" if weather else ""))
    if weather:
        with_weather(record)
    portfolio = load_city(city).portfolio
    (site,) = portfolio.sites
    told = CliRunner().invoke(app, ["forecast", "train", str(record), "--city", str(city)])
    assert told.exit_code == exits.OK, told.output
    assert f"{site} power_kw" in told.stdout
    assert "kept: " in told.stdout
    until = read_recording(record).grid.end
    last = until + timedelta(days=90)
    assert f"serves until {last:%Y-%m-%d}" in told.stdout
    assert ("a daemon that runs now makes no use of it" in told.stderr) == (
        last < datetime.now(UTC)
    )

    forecaster = installed(forecaster="model").forecaster
    assert isinstance(forecaster, Learning)
    registry = ModelRegistry(state_dir(portfolio.id) / MODELS, "model")
    forecaster.take_up(next(registry.newest()))
    young = between(read_recording(record), until - timedelta(hours=1), until)
    history = RecordedHistory(young, portfolio)
    request = asyncio.run(recorded(portfolio, history, until)).request(
        portfolio, until, SlotGrid.regular(until, count=96, step_s=900.0)
    )
    if lost:
        request = replace(request, weather=None)
    load = next(one for one in forecaster.forecast(request) if one.subject == site)
    kind = "model with weather of" if weather and not lost else "model of"
    assert load.source.startswith(kind)
    np.testing.assert_allclose(load.middle_kw, np.repeat([1.0] * 17 + [3.0] * 7, 4), atol=0.3)


def test_who_learns_nothing_is_not_trained(tmp_path: Path) -> None:
    asked = ["forecast", "train", str(house_record(tmp_path)), "--city", "one-house"]
    home = {"VPP_STATE_HOME": str(tmp_path / "state")}
    told = CliRunner().invoke(app, [*asked, "--forecast", "persistence"], env=home)
    assert told.exit_code == exits.FAILED, told.output
    assert "persistence learns nothing that could be kept" in told.output
