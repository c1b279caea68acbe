"""Recorded data of a configured city."""

from pathlib import Path

import pytest

from tests.vpp.backtest.folders import hourly, write_folder
from vpp.backtest.city import for_city, part_of_city, pools_of
from vpp.backtest.data import Recording, read_recording
from vpp.backtest.setting import of_city
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.domain.assets import Load
from vpp.domain.errors import InvariantError
from vpp.domain.ids import NodeId
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


def test_part_of_a_city_is_one_without_its_other_sites(
    recording: Recording, portfolio: Portfolio
) -> None:
    with pytest.raises(InvariantError, match=r"nothing is on record of apt-01.*--sites"):
        of_city(recording, portfolio)
    part = part_of_city(portfolio, ("school", "hub"))
    assert list(part.sites) == ["school", "hub"]
    assert list(part.nodes) == ["city", "north", "school", "hub"]
    assert list(part.pools) == ["north"]
    assert part.nodes[NodeId("north")] == portfolio.nodes[NodeId("north")]
    assert {asset.site for asset in part.assets.values()} == {"school", "hub"}
    assert {meter.node for meter in part.meters.values()} == {*part.nodes} - {"city"}
    carried = {one.subject for device in part.devices.values() for one in device.carries}
    assert part.meters.keys() <= carried
    assert {a for a, asset in part.assets.items() if not isinstance(asset, Load)} <= carried
    assert carried <= part.meters.keys() | part.assets.keys()
    assert part_of_city(portfolio, portfolio.sites) == portfolio


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
    with pytest.raises(InvariantError, match="city-20 has no site a, b, c: name the city"):
        pools_of(foreign, portfolio)
    with pytest.raises(InvariantError, match="city-20 has no site"):
        for_city(foreign, portfolio)


def test_a_battery_that_the_city_has_not_is_named(tmp_path: Path, portfolio: Portfolio) -> None:
    lines = [line for line in hourly().splitlines() if not {*line.split(",")} & {"b", "c"}]
    files: dict[str, str | None] = {
        "sites.csv": "site,battery_capacity_kwh,battery_power_kw\nhub,10,5\n",
        "sites_hourly.csv": "\n".join(lines).replace(",a,", ",hub,"),
        "ev_sessions.csv": None,
    }
    with pytest.raises(InvariantError, match="has no battery hub: batteries"):
        for_city(read_recording(write_folder(tmp_path, files)), portfolio)
