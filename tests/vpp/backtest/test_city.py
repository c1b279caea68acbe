"""Recorded data of a configured city."""

from pathlib import Path

import pytest

from tests.vpp.backtest.folders import write_folder
from vpp.backtest.city import for_city, pools_of
from vpp.backtest.data import Recording, read_recording
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.domain.errors import InvariantError
from vpp.domain.portfolio import Portfolio

SITES = "site\noffice-01\nschool\nhub\n"
BATTERIES = """\
battery,site,battery_capacity_kwh,battery_power_kw,soc_init_kwh
school-bat,school,150,75,3
hub-bat,hub,200,100,60
"""


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_city(example_city()).portfolio


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    rows = [
        f"2026-07-{day}T{hour:02d}:00:00Z,{site},1,0"
        for day in (14, 15)
        for hour in range(24)
        for site in SITES.split()[1:]
    ]
    hourly = "\n".join(["timestamp_utc,site,load_kw,pv_kw", *rows])
    changed = {"sites.csv": SITES, "batteries.csv": BATTERIES, "sites_hourly.csv": hourly}
    left_out = dict.fromkeys(("signals_hourly.csv", "ev_sessions.csv"))
    return read_recording(write_folder(tmp_path, {**changed, **left_out}))


def test_batteries_of_their_own_file_have_ids(recording: Recording) -> None:
    assert recording.batteries == ("school-bat", "hub-bat")
    assert recording.storage.site.tolist() == [1, 2]


def test_pools_are_those_of_the_portfolio(recording: Recording, portfolio: Portfolio) -> None:
    assert pools_of(recording, portfolio) == [[1, 2], [0]]


def test_limits_and_prices_are_those_of_the_portfolio(
    recording: Recording, portfolio: Portfolio
) -> None:
    found = for_city(recording, portfolio)
    # The school keeps a tenth in reserve, the hub is filled to nine tenths at most.
    assert found.storage.low_kwh.tolist() == [15, 0]
    assert found.storage.high_kwh.tolist() == [150, 180]
    assert found.start_kwh.tolist() == [15, 60]
    assert found.price_per_kwh is not None
    assert found.price_per_kwh[:7].tolist() == [121.5] * 6 + [138.1]  # 9:00 to 16:00 in Seoul
    assert found.carbon_kg_per_kwh is not None
    assert set(found.carbon_kg_per_kwh) == {0.4173}


def test_days_begin_at_local_midnight(recording: Recording) -> None:
    assert recording.utc_offset_s == 9 * 3600


def test_data_of_another_city_are_refused(tmp_path: Path, portfolio: Portfolio) -> None:
    foreign = read_recording(write_folder(tmp_path))
    with pytest.raises(InvariantError, match="a, b, c are not in city-20"):
        pools_of(foreign, portfolio)
    with pytest.raises(InvariantError, match="not every recorded battery"):
        for_city(foreign, portfolio)
