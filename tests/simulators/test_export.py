import csv
import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from simulators.export import battery_figures, export, step_name
from simulators.inputs.forecast import WeatherService
from simulators.physics.charger import ChargerUnit
from simulators.world import World
from tests.simulators.sample import BATTERY, sample_city

START = datetime(2026, 7, 14, 20, 20, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def rows(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return list(csv.DictReader(text.decode().splitlines()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export(sample_city(), folder, START, START + timedelta(hours=30), QUARTER)
    return folder


def test_load_and_available_pv_are_those_of_the_live_world(folder: Path) -> None:
    world = World(sample_city(), START)
    table = rows(folder / "sites_15min.csv.gz")
    assert len(table) == 30 * 4 * 2
    before = {site: world.energy(site) for site in ("apt", "office")}
    for slot in range(30 * 4):
        world.advance_to((slot + 1) * 900.0)
        for row in table[2 * slot : 2 * slot + 2]:
            energy = world.energy(row["site"])
            last = before[row["site"]]
            assert row["timestamp_utc"] == f"{START + slot * QUARTER:%Y-%m-%dT%H:%M:%SZ}"
            load_kw = (energy.load_wh - last.load_wh) / 250
            pv_kw = (energy.pv_available_wh - last.pv_available_wh) / 250
            assert float(row["load_kw"]) == pytest.approx(load_kw, abs=2e-5)
            assert float(row["pv_kw"]) == pytest.approx(pv_kw, abs=2e-5)
            before[row["site"]] = energy


def test_weather_is_what_was_forecast_before_each_hour_and_known_at_the_end(folder: Path) -> None:
    table = rows(folder / "weather_hourly.csv.gz")
    first, last = START.replace(minute=0), START.replace(minute=0) + timedelta(hours=31)
    for lead_h in (0, 24):
        stamps = [row["timestamp_utc"] for row in table if row["lead_h"] == str(lead_h)]
        assert stamps[0] == f"{first:%Y-%m-%dT%H:%M:%SZ}"
        assert stamps[-1] == f"{last + timedelta(hours=lead_h - 1):%Y-%m-%dT%H:%M:%SZ}"
        assert len(stamps) == 31 + lead_h
    service = WeatherService(sample_city())
    told = service.of(first.timestamp(), np.full(31, 24.0))
    found = [float(row["ghi_w_per_m2"]) for row in table if row["lead_h"] == "24"][:31]
    np.testing.assert_allclose(found, told.ghi_w_m2, atol=0.006)


def test_cars_are_those_of_the_live_world(folder: Path) -> None:
    world = World(sample_city(), START)
    connector = world.asset["hub-cp1"]
    assert isinstance(connector, ChargerUnit)
    seen = {}
    for minute in range(30 * 60):
        world.advance_to(minute * 60.0)
        if connector.session:
            seen[connector.session.id] = connector.session
    listed = {row["session_id"]: row for row in rows(folder / "ev_sessions.csv")}
    assert listed.keys() == seen.keys()
    for name, session in seen.items():
        assert listed[name]["arrival_utc"] == f"{session.arrival:%Y-%m-%dT%H:%M:%SZ}"
        assert listed[name]["departure_utc"] == f"{session.departure:%Y-%m-%dT%H:%M:%SZ}"
        assert float(listed[name]["energy_kwh"]) == pytest.approx(session.need_wh / 1e3, abs=1e-5)
        assert float(listed[name]["max_kw"]) == session.max_w / 1e3
        assert (listed[name]["charger"], listed[name]["site"]) == ("hub-cp1", "office")


def test_a_car_that_is_there_already_is_listed_with_what_it_still_needs(tmp_path: Path) -> None:
    session = next(
        row
        for row in (export_sessions(tmp_path / "long", START, 72))
        if float(row["energy_kwh"]) > 4
    )
    arrival = datetime.fromisoformat(session["arrival_utc"])
    begin = arrival + timedelta(minutes=15)
    shown = export_sessions(tmp_path / "late", begin, 1)[0]
    charged = float(session["max_kw"]) / 4
    assert shown["session_id"] == session["session_id"]
    assert datetime.fromisoformat(shown["arrival_utc"]) == begin
    assert float(shown["energy_kwh"]) == pytest.approx(float(session["energy_kwh"]) - charged)
    connector = World(sample_city(), begin).asset["hub-cp1"]
    assert isinstance(connector, ChargerUnit)
    assert connector.session is not None
    assert connector.session.missing_wh == pytest.approx(float(shown["energy_kwh"]) * 1e3, abs=0.01)


def export_sessions(folder: Path, start: datetime, hours: int) -> list[dict[str, str]]:
    export(sample_city(), folder, start, start + timedelta(hours=hours), timedelta(hours=1))
    return rows(folder / "ev_sessions.csv")


def test_batteries_of_a_site_are_summed() -> None:
    big = replace(BATTERY, capacity_wh=30_000, eta_charge=0.99, soc_start=0.2, discharge_w=6000)
    figures = battery_figures([BATTERY, big])
    assert figures == pytest.approx((40, 10, 10, 10, 0.98, 0.9, 4, 36, 11))
    assert battery_figures([]) == (0, 0, 0, 0, 1, 1, 0, 0, 0)


def test_sites_and_batteries_have_their_tables(folder: Path) -> None:
    sites = {row["site"]: row for row in rows(folder / "sites.csv")}
    assert set(sites) == {"apt", "office"}
    assert float(sites["apt"]["battery_capacity_kwh"]) == 120
    assert float(sites["apt"]["battery_power_kw"]) == 40
    assert float(sites["apt"]["soc_init_kwh"]) == 36
    assert [row["battery"] for row in rows(folder / "batteries.csv")] == ["apt-bat", "office-bat"]


def test_the_place_is_stated(folder: Path) -> None:
    assert yaml.safe_load((folder / "meta.yaml").read_text()) == {
        "time_zone": "Asia/Seoul",
        "latitude": 35.16,
        "longitude": 126.85,
        "country": "KR",
    }


def test_the_same_export_is_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = export(sample_city(), tmp_path, START, START + timedelta(hours=30), QUARTER)
    assert len(again) == 6
    assert all(path.read_bytes() == (folder / path.name).read_bytes() for path in again)


def test_the_step_names_the_file() -> None:
    steps = [timedelta(seconds=seconds) for seconds in (10, 300, 900, 3600)]
    assert [step_name(step) for step in steps] == ["10s", "5min", "15min", "hourly"]


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [
        (START, START, QUARTER),
        (START, START + timedelta(minutes=20), QUARTER),
        (START.replace(tzinfo=None), START.replace(tzinfo=None) + QUARTER, QUARTER),
    ],
)
def test_a_span_that_is_no_whole_number_of_steps_is_refused(
    tmp_path: Path, start: datetime, end: datetime, step: timedelta
) -> None:
    with pytest.raises(
        ValueError, match=r"offset from UTC|whole number of steps|not after its start"
    ):
        export(sample_city(), tmp_path, start, end, step)
