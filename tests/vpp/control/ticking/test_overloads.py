"""SHORTFALL: raised where a node is really over its limit, and says over which one."""

from dataclasses import replace

import numpy as np

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import codes, houses, proposal
from tests.vpp.control.ticking.weather import always, cloudy, spread
from vpp.control.inputs import Alarm, Timing
from vpp.domain.capability import SharedLimit
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.proposal import Proposal, Rank, ScopeKind

PATIENCE_S = round(Timing().freshness_s)


def fixed(kw: float) -> tuple[Proposal, ...]:
    return (proposal("op", ScopeKind.POOL, "pool", Rank.OVERRIDE, wish_kw=kw),)


def shortfall(run: Run) -> Alarm:
    (alarm,) = [one for one in run.last.alarms if one.code == "SHORTFALL"]
    return alarm


def test_a_rating_that_nothing_can_hold_is_an_alarm_at_once_and_named() -> None:
    of = city([House(stores=[Store()], rating_kw=8.0), House(stores=[Store()])])
    levels = {"load": 2.0}
    run = Run(Plant(city=of, load=lambda _: np.array([levels["load"], 0.0]), soc=0.0)).ticks(60)
    assert "SHORTFALL" not in codes(run)
    levels["load"] = 9.0
    run.ticks(1)
    assert shortfall(run).text == (
        "1.0 kW over its configured limit of 8 kW (configuration), "
        "and nothing beneath is left to move"
    )


def test_a_rating_that_storages_hold_is_no_alarm() -> None:
    of = city([House(stores=[Store()], rating_kw=8.0), House(stores=[Store()])])
    levels = {"load": 2.0}
    run = Run(Plant(city=of, load=lambda _: np.array([levels["load"], 0.0]))).ticks(60)
    levels["load"] = 20.0
    for _ in range(30):
        assert "SHORTFALL" not in codes(run.ticks(1))


def test_a_power_that_storages_hold_to_their_resolution_is_no_alarm() -> None:
    stores = houses(10, kw=30.0, kwh=60.0, resolution_kw=0.1)
    load = spread(cloudy(400, 300.0), 10)
    run = Run(Plant(city=city(stores, rating_kw=400.0), load=load)).ticks(60)
    for kw in (30.0, 5.0):
        run.proposals = fixed(kw)
        for _ in range(120):
            assert "SHORTFALL" not in codes(run.ticks(1))


def test_a_power_that_cannot_be_held_is_an_alarm_once_devices_had_the_time_to_follow() -> None:
    run = Run(Plant(city=city(houses(2)), load=always(10.0, 10.0), soc=0.0)).ticks(60)
    run.proposals = fixed(5.0)
    run.ticks(PATIENCE_S)
    assert "SHORTFALL" not in codes(run)
    run.ticks(2)
    assert shortfall(run).text == (
        "15.0 kW over the power of 5 kW by op's op (for op), and nothing beneath is left to move"
    )


def test_a_storage_not_heard_yet_is_no_overload_before_its_time() -> None:
    of = city([House(stores=[Store(kw=50.0)], rating_kw=60.0)], boundary=False)
    run = Run(Plant(city=of, load=always(4.0)))
    run.plant.stale_assets = {"bat0-0"}
    for _ in range(PATIENCE_S):
        assert "SHORTFALL" not in codes(run.ticks(1))
    run.ticks(2)
    assert "SHORTFALL" in codes(run), "it may be anything"


def test_what_a_meter_reads_is_an_overload_whoever_has_not_spoken_yet() -> None:
    of = city([House(stores=[Store(kw=50.0)], rating_kw=60.0)], boundary=False)
    run = Run(Plant(city=of, load=always(70.0)))
    run.plant.stale_assets = {"bat0-0"}
    run.ticks(1)
    assert shortfall(run).text.startswith("10.0 kW over its configured limit of 60 kW")


def test_a_limit_of_the_grid_operator_is_named_as_such() -> None:
    run = Run(Plant(city=city(houses(2)), load=always(10.0, 10.0), soc=0.0)).ticks(60)
    run.proposals = (proposal("dso", ScopeKind.POOL, "pool", Rank.GRID_OPERATOR, hi_kw=5.0),)
    run.ticks(1)
    assert shortfall(run).text.startswith("15.0 kW over the grid limit of 5 kW by dso's dso")


def test_a_rating_that_assets_of_a_device_share_is_its_nameplate() -> None:
    of = city([House(stores=[Store(kw=6.0)], pv_kw=5.0)])
    hybrid = frozenset({AssetId("bat0-0"), AssetId("pv0")})
    rating = SharedLimit(assets=hybrid, lo_kw=-8.0, hi_kw=4.0)
    facts = dict(of.model.facts)
    device = DeviceId("dev-bat0-0")
    facts[device] = replace(facts[device], shared_limits=(rating,))
    pool = replace(of.model, facts=facts).compiled
    limits = [(str(one.layer), one.import_max, one.source) for one in pool.row_import]
    assert limits[-1] == ("nameplate", 4.0, "shared AC rating")
    assert {layer for layer, *_ in limits[:-1]} == {"configured"}
