"""A right city file becomes the portfolio it describes; any other text is a ConfigurationError."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tests.vpp.config.sample import SAMPLE, spoilt
from vpp.config.city import City, load_city, read_city
from vpp.config.examples import example_city
from vpp.domain.assets import Battery, EvCharger, Load, Phases, Pv
from vpp.domain.devices import Authority, SafeState
from vpp.domain.errors import ConfigurationError
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, NodeId, PoolId, SiteId, TariffId
from vpp.domain.network import Unit
from vpp.domain.points import Quantity


@pytest.fixture(scope="module")
def sample() -> City:
    return read_city(SAMPLE, "city.yaml")


@pytest.fixture(scope="module")
def city_20() -> City:
    return load_city(example_city("city-20"))


def test_sites_add_their_own_connection_as_a_leaf_of_the_tree(sample: City) -> None:
    portfolio = sample.portfolio
    assert portfolio.nodes[NodeId("block")].parent == "north"
    assert portfolio.sites[SiteId("block")].node == "block"
    assert portfolio.subtree(NodeId("city")) == ("city", "north", "block", "hub")
    assert portfolio.pools[PoolId("north")].sites == ("block", "hub")


def test_a_side_goal_is_a_number_or_left_to_the_planner(sample: City) -> None:
    stated = "goals: {flatten_per_kw2: usual, ramp_per_kw: 0.1}"
    text = SAMPLE.replace("  id: sample\n", f"  id: sample\n  {stated}\n", 1)
    goals = read_city(text, "city.yaml").portfolio.goals
    assert (goals.flatten_per_kw2, goals.ramp_per_kw, goals.peak_per_kw) == (None, 0.1, 0.0)
    assert sample.portfolio.goals.flatten_per_kw2 == 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("-1", "is -1, which is negative"),
        (".inf", "is inf"),
        (".nan", "is nan"),
        ("often", "is 'often'"),
        ("true", "is True"),
        ("[1]", "is [1]"),
    ],
)
def test_a_side_goal_that_is_neither_is_one_mistake_that_says_both(given: str, words: str) -> None:
    stated = f"goals: {{ramp_per_kw: {given}}}"
    text = SAMPLE.replace("  id: sample\n", f"  id: sample\n  {stated}\n", 1)
    with pytest.raises(ConfigurationError) as refused:
        read_city(text, "city.yaml")
    (mistake,) = refused.value.mistakes
    assert mistake.path == "portfolio.goals.ramp_per_kw"
    assert mistake.problem == f"{words}; expected usual, or a number from 0 to 1e+09"


def test_the_city_says_who_forecasts(sample: City) -> None:
    text = SAMPLE.replace("  id: sample\n", "  id: sample\n  forecaster: persistence\n", 1)
    assert read_city(text, "city.yaml").portfolio.forecaster == "persistence"
    assert sample.portfolio.forecaster == "model"


def test_the_city_says_what_a_bad_day_is(sample: City) -> None:
    text = SAMPLE.replace("  id: sample\n", "  id: sample\n  bad_day: 0.1\n", 1)
    assert read_city(text, "city.yaml").portfolio.bad_day == 0.1
    assert sample.portfolio.bad_day is None, "the usual one of its order"


def test_ratings_are_hard_contracts_soft_and_a_direction_left_out_unlimited(sample: City) -> None:
    north = sample.portfolio.nodes[NodeId("north")]
    assert north.tightest_kw(hard=True).import_max == 100
    assert north.tightest_kw(hard=False).import_max == 90
    assert north.tightest_kw(hard=False).export_max == math.inf
    assert north.tightest_kw(hard=False).imports.source == "contract_kw of north"


def test_a_current_is_a_limit_per_phase_in_both_directions() -> None:
    text = spoilt(("  - id: hub\n", "  - id: hub\n    a_per_phase: 63\n"))
    (limit,) = read_city(text, "f").portfolio.nodes[NodeId("hub")].limits
    assert (limit.unit, limit.import_max, limit.export_max) == (Unit.A_PER_PHASE, 63, 63)


def test_an_apparent_power_counts_as_power_wherever_the_tightest_limit_is_asked_for() -> None:
    stated = "    rating_kw: {import: 100, export: 100}\n"
    text = spoilt((stated, f"{stated}    rating_kva: 110\n    power_factor: 0.8\n"))
    north = read_city(text, "f").portfolio.nodes[NodeId("north")]
    tightest = north.tightest_kw(hard=True)
    assert (tightest.import_max, tightest.export_max) == pytest.approx((88, 88))
    assert tightest.imports.source == "rating_kva of north at power factor 0.8"
    assert north.tightest_kw(hard=False).import_max == 90


def test_a_contract_in_kva_is_soft_and_counts_as_power_in_its_direction() -> None:
    stated = "    contract_kw: {import: 90}\n"
    text = spoilt((stated, f"{stated}    contract_kva: {{import: 100}}\n    power_factor: 0.8\n"))
    north = read_city(text, "f").portfolio.nodes[NodeId("north")]
    contract = north.tightest_kw(hard=False)
    assert (contract.import_max, contract.export_max) == pytest.approx((80, math.inf))
    assert contract.imports.source == "contract_kva of north at power factor 0.8"
    assert north.tightest_kw(hard=True).import_max == 100


def test_without_a_power_factor_it_is_a_usual_one() -> None:
    text = spoilt(("  - id: hub\n", "  - id: hub\n    rating_kva: 20\n"))
    hub = read_city(text, "f").portfolio.nodes[NodeId("hub")]
    assert hub.tightest_kw(hard=True).import_max == pytest.approx(19)


def test_ports_count_from_the_base_port_unless_absolute() -> None:
    links = read_city(SAMPLE, "f", base_port=20000).portfolio.links
    assert links[LinkId("block-link")].port == 20010
    assert links[LinkId("stations")].port == 1883
    assert read_city(SAMPLE, "f").portfolio.links[LinkId("block-link")].port == 15030


def test_a_chargers_floor_follows_from_its_phases() -> None:
    one = spoilt(("    max_kw: 11\n", "    max_kw: 7\n    phases: one_unknown\n"))
    for text, floor in ((SAMPLE, 4.1), (one, 1.4)):
        charger = read_city(text, "f").portfolio.assets[AssetId("hub-cp")]
        assert isinstance(charger, EvCharger)
        assert (charger.floor_kw, charger.guaranteed_kw) == (floor, floor)
        assert charger.default_stay_s == 4 * 3600


def test_named_reads_are_kept_and_a_writer_reads_back_what_it_wrote(sample: City) -> None:
    devices = sample.portfolio.devices
    assert devices[DeviceId("block-ess")].carries[0].reads == {
        Quantity.POWER_KW: 0,
        Quantity.SOC: 1,
        Quantity.SETPOINT_KW: 0,
        Quantity.REVERSION_S: 0,
        Quantity.UPTIME_S: 0,
        Quantity.STATE: 0,
    }
    assert devices[DeviceId("block-bms")].carries[0].reads == {Quantity.SOC: 0}


def test_reads_left_out_are_all_quantities_of_the_kind_at_rank_0(sample: City) -> None:
    devices = sample.portfolio.devices
    charger = devices[DeviceId("hub-station")].carries[0].reads
    meter = devices[DeviceId("block-grid")].carries[0].reads
    assert set(charger.values()) == set(meter.values()) == {0}
    assert {Quantity.POWER_KW, Quantity.SETPOINT_KW} <= set(charger)
    assert Quantity.POWER_KW in meter
    assert Quantity.SETPOINT_KW not in meter


def test_devices_begin_at_observe_and_safe_zero(sample: City) -> None:
    device = sample.portfolio.devices[DeviceId("block-ess")]
    assert (device.authority, device.safe) == (Authority.OBSERVE, SafeState.ZERO)


def test_meters_of_a_node_come_primary_first() -> None:
    text = spoilt(
        ("meters:\n", "meters:\n  - {id: spare, role: site, node: block, rank: 1}\n"),
        ("      - meter: block-meter\n", "      - meter: block-meter\n      - meter: spare\n"),
    )
    meters = read_city(text, "f").portfolio.meters_of_node[NodeId("block")]
    assert meters == (MeterId("block-meter"), MeterId("spare"))


def test_the_city_knows_where_everything_stands(sample: City) -> None:
    path = sample.path("devices", "block-bms")
    assert path == "devices[1]"
    file, line = sample.where(f"{path}.carries[0].reads.soc")
    assert file == "city.yaml"
    assert line is not None
    assert "reads: {soc: 0}" in SAMPLE.splitlines()[line - 1]
    assert sample.where(f"{path}.options.unit")[1] == sample.where(path)[1]
    assert sample.mistake(path, "no such profile").line == sample.where(path)[1]


def test_the_simulation_is_carried_unread() -> None:
    text = spoilt(("simulation: {seed: 1}", "simulation: {anything: [goes, here]}"))
    assert read_city(text, "f").simulation == {"anything": ["goes", "here"]}


def test_a_child_rated_above_its_parent_is_no_mistake() -> None:
    read_city(spoilt(("rating_kw: {import: 80, export: 80}", "rating_kw: {import: 900}")), "f")


def test_the_example_city_is_what_it_says(city_20: City) -> None:
    portfolio = city_20.portfolio
    assert {pool: len(p.sites) for pool, p in portfolio.pools.items()} == {"north": 10, "south": 10}
    roles = {
        p: {portfolio.meters[m].role for m in portfolio.meters_of_node[NodeId(p)]}
        for p in portfolio.pools
    }
    assert roles == {"north": {"boundary"}, "south": set()}
    assert all(portfolio.meters_of_node[site.node] for site in portfolio.sites.values())
    assert set(portfolio.tariffs) == {TariffId("general")}


def test_the_example_city_has_unlike_batteries_and_cars_on_one_phase(city_20: City) -> None:
    assets = city_20.portfolio.assets.values()
    batteries = [asset for asset in assets if isinstance(asset, Battery)]
    hours = {round(b.capacity_kwh / b.discharge_kw, 2) for b in batteries}
    assert len(batteries) == 19
    assert len(hours) > 10
    chargers = [asset for asset in assets if isinstance(asset, EvCharger)]
    assert 6 <= len(chargers) <= 10
    assert {c.floor_kw for c in chargers if c.phases is not Phases.THREE} == {1.4}


def test_one_battery_of_the_example_city_tells_its_charge_through_another_device(
    city_20: City,
) -> None:
    devices = city_20.portfolio.devices.values()
    best = {c.subject: d.id for d in devices for c in d.carries if c.reads.get(Quantity.SOC) == 0}
    writer = city_20.portfolio.writer_of
    split = {asset for asset in writer if best.get(asset, writer[asset]) != writer[asset]}
    assert split == {"school-bat"}


def test_the_roofs_of_the_example_city_exceed_what_its_buildings_take_at_noon(
    city_20: City,
) -> None:
    portfolio = city_20.portfolio
    for pool in portfolio.pools:
        assets = [portfolio.assets[asset] for asset in portfolio.assets_of_pool(pool)]
        pv = sum(asset.peak_kw for asset in assets if isinstance(asset, Pv))
        peak = sum(asset.max_kw for asset in assets if isinstance(asset, Load))
        # On a clear noon a roof gives some 0.7 of its peak, a building takes some 0.3 of its own.
        assert 1.5 < 0.7 * pv / (0.3 * peak) < 3


def test_fixed_watchdogs_of_the_example_city_outlast_fast_time(city_20: City) -> None:
    devices = city_20.simulation["devices"]
    assert all(d["watchdog_s"] >= 300 for d in devices.values() if "watchdog_s" in d)
    assert set(devices) <= set(city_20.portfolio.devices)


def test_the_smallest_city_is_one_house_that_settles_for_itself() -> None:
    portfolio = load_city(example_city("one-house")).portfolio
    assert portfolio.pools[PoolId("house")].sites == ("house",)
    assert len(portfolio.assets) == 3


def test_an_unknown_example_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="city-20, hydrogen-hub, one-house"):
        example_city("city-21")


def test_a_missing_file_and_one_that_is_no_text_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml.*No such file"):
        load_city(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_city(tmp_path / "bytes.yaml")
    with pytest.raises(ConfigurationError, match="larger than 16 MiB"):
        load_city("/dev/zero")


def load(text: str) -> None:
    """Load, and accept nothing but a city or mistakes that stand in the file."""
    try:
        read_city(text, "f")
    except ConfigurationError as error:
        found = error.mistakes
    else:
        return
    lines = max(len(text.splitlines()), 1)
    assert found
    assert all(m.line is None or 1 <= m.line <= lines for m in found)


@given(text=st.text())
def test_any_text_is_a_city_or_a_list_of_mistakes(text: str) -> None:
    load(text)


@settings(max_examples=examples(200))
@given(
    start=st.integers(0, len(SAMPLE)),
    length=st.integers(0, 40),
    text=st.text(alphabet=":-[]{}&*!#\n 0aé\t'\"<,.", max_size=8)
    | st.sampled_from(["{}", "[]", "null", "1", "x", "true", "-1", ".inf", "2025-01-01"]),
)
def test_any_damage_to_a_city_file_is_a_list_of_mistakes_or_another_city(
    start: int, length: int, text: str
) -> None:
    load(SAMPLE[:start] + text + SAMPLE[start + length :])
