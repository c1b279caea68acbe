"""From the simulated sky over HTTP to the history that forecasts learn from."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.processes import SimulatedCity, simulated, until, vpp
from vpp.cli import exits
from vpp.config.examples import example_city
from vpp.domain.weather import LEADS_H


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SimulatedCity]:
    file = tmp_path / "weathered.yaml"
    text = example_city("one-house").read_text()
    file.write_text(f"{text}\nweather: {{source: open-meteo, port_offset: 90}}\n")
    now = datetime.now(UTC).isoformat()  # the daemon goes by the clock on the wall
    with simulated(file, tmp_path, start=now) as city:
        yield city


def recorded(home: Path) -> dict[str, int]:
    """Rows of each subject of the weather."""
    for file in home.glob("*/history.db"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            query = "SELECT subject, count(*) FROM mean WHERE subject LIKE 'weather%' GROUP BY 1"
            return dict(database.execute(query))
    return {}


def test_what_is_forecast_goes_on_record_as_it_was_known(
    house: SimulatedCity, tmp_path: Path
) -> None:
    arguments = ["run", house.file, "--base-port", house.base_port, "--http", "off", "--observe"]
    with vpp(tmp_path, arguments) as daemon:
        until(lambda: any(tmp_path.glob("*/weather/open-meteo.json")), "a forecast kept")
        until(lambda: bool(recorded(tmp_path)), "a forecast on record")
        ended = daemon.terminate()
    assert ended.code == exits.OK, ended.err
    assert "weather forecast lost" not in ended.err
    rows = recorded(tmp_path)
    assert rows["weather"] == 1
    assert [rows[f"weather {lead_h} h ahead"] for lead_h in LEADS_H] == sorted(
        (rows[f"weather {lead_h} h ahead"] for lead_h in LEADS_H), reverse=True
    )
    assert rows["weather 48 h ahead"] > 3 * 12
