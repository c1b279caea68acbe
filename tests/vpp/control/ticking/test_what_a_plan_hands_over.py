"""Bands, the share order and the allowance that a plan hands over, as the tick keeps them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.control.ticking.city import CITY, city
from tests.vpp.control.ticking.plant import NOON, Plant, Run
from tests.vpp.control.ticking.runs import houses, proposal
from tests.vpp.control.ticking.test_invariants import plan
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import Timing
from vpp.control.state import Ledger, LedgerDay
from vpp.domain.ids import AssetId, NodeId
from vpp.domain.plan import Band, Plan
from vpp.domain.proposal import Rank, ScopeKind

TIMING = Timing(start_ramp_per_min=100.0)
KEEP, SERVE = 1.02, 0.5
"""Worth of a stored kWh, where an imported one costs 1: too dear to give out, not to buy."""
TODAY = int(NOON.timestamp() // 86400)


def running(made: Plan, load_kw: float) -> Run:
    of = city(houses(2), timing=TIMING)
    return Run(Plant(city=of, load=always(load_kw, load_kw)), plan=made)


def banded(of: Plan, node: NodeId, lo_kw: float, hi_kw: float, slots: int = 96) -> Plan:
    """With a band in the first so many slots of the plan."""
    whole, first = len(of.grid), np.arange(len(of.grid)) < slots
    band = Band(
        node=node,
        lo_kw=np.where(first, lo_kw, -np.inf) * np.ones(whole),
        hi_kw=np.where(first, hi_kw, np.inf) * np.ones(whole),
    )
    return replace(of, bands=(band,))


def test_a_band_holds_whatever_the_value_of_stored_energy_says() -> None:
    free = running(plan(KEEP), 5.0).ticks(40)
    assert free.battery_kw()[-1] == pytest.approx([0.0, 0.0], abs=0.1)
    kept = running(banded(plan(KEEP), CITY, -np.inf, 4.0), 5.0).ticks(40)
    assert kept.battery_kw()[-1].sum() == pytest.approx(-6.0, abs=0.2)
    above = running(banded(plan(SERVE), CITY, 8.0, np.inf), 5.0).ticks(40)
    assert above.battery_kw()[-1].sum() == pytest.approx(-2.0, abs=0.2)


def test_a_band_of_one_site_binds_the_battery_of_that_site() -> None:
    run = running(banded(plan(KEEP), NodeId("node1"), -np.inf, 2.0), 5.0).ticks(40)
    assert run.battery_kw()[-1] == pytest.approx([0.0, -3.0], abs=0.2)


def test_a_band_holds_in_its_slots_only() -> None:
    made = plan(KEEP)
    left_s = int(made.grid.edges_s[1] - NOON.timestamp())
    run = running(banded(made, CITY, -np.inf, 4.0, slots=1), 5.0).ticks(left_s - 5)
    assert run.battery_kw()[-1].sum() == pytest.approx(-6.0, abs=0.2)
    run.ticks(60)
    assert run.battery_kw()[-1].sum() == pytest.approx(0.0, abs=0.2)


def test_a_band_yields_to_the_grid_operator() -> None:
    run = running(banded(plan(KEEP), CITY, -np.inf, 4.0), 5.0)
    limit = proposal("limit", ScopeKind.NODE, "pool", Rank.GRID_OPERATOR, lo_kw=7.0, hi_kw=9.0)
    run.proposals = (limit,)
    run.ticks(40)
    assert run.battery_kw()[-1].sum() == pytest.approx(-3.0, abs=0.2)


def shared(first: float, second: float) -> Plan:
    """Stored energy is worth so much in the one battery and in the other."""
    of = plan(SERVE)
    worth = np.repeat([[first], [second]], len(of.grid), axis=1)
    return replace(of, share_worth=worth, share_assets=(AssetId("bat0-0"), AssetId("bat1-0")))


@pytest.mark.parametrize(
    ("load_kw", "power_kw"), [(-4.0, [0.0, 8.0]), (4.0, [-8.0, 0.0])], ids=["surplus", "deficit"]
)
def test_energy_goes_where_it_is_worth_most_and_comes_from_where_it_is_worth_least(
    load_kw: float, power_kw: list[float]
) -> None:
    run = running(shared(0.4, 0.6), load_kw).ticks(420)
    assert run.battery_kw()[-1] == pytest.approx(power_kw, abs=0.2)
    other = running(shared(0.6, 0.4), load_kw).ticks(420)
    assert other.battery_kw()[-1] == pytest.approx(power_kw[::-1], abs=0.2)


def test_worth_counts_only_while_its_battery_has_power_left() -> None:
    run = running(shared(0.4, 0.6), -10.0).ticks(420)
    assert run.battery_kw()[-1] == pytest.approx([5.0, 15.0], abs=0.3)


def peaked() -> Plan:
    """Keeps its energy, but for what exceeds a peak of 6 kW."""
    of = plan(KEEP)
    ones = np.ones(len(of.grid))
    costs = replace(of.costs, peak_threshold_kw=6.0 * ones, peak_weight=3.0 * ones)
    return replace(of, costs=costs)


def given_up(kwh: float, *, days_ago: int = 0) -> Ledger:
    """On a day whose import makes 3,000 kWh in 90 days, of which a thousandth is allowed."""
    day = TODAY - days_ago
    return Ledger(days=(LedgerDay(day=day, given_up_kwh=kwh, import_kwh=1000.0 / 30.0),))


@pytest.mark.parametrize(
    ("ledger", "power_kw"),
    [
        (given_up(0.0), -4.0),
        (given_up(2.7), -4.0),
        (given_up(4.5), -10.0),
        (given_up(4.5, days_ago=29), -10.0),
        (given_up(4.5, days_ago=30), -4.0),
    ],
    ids=["nothing", "inside", "past", "still past", "forgiven"],
)
def test_a_peak_is_cut_until_the_allowance_is_spent(ledger: Ledger, power_kw: float) -> None:
    """After that the measured-surplus rule serves every deficit, and keeps nothing."""
    run = running(peaked(), 5.0)
    run.state = replace(run.state, ledger=ledger)
    run.ticks(40)
    assert run.battery_kw()[-1].sum() == pytest.approx(power_kw, abs=0.2)


def test_energy_kept_until_the_storage_overflows_is_booked_as_given_up() -> None:
    run = running(plan(KEEP), 5.0)
    run.plant.energy = 0.98 * run.plant.pool.capacity_kwh
    run.ticks(600)
    deferred = sum(day.given_up_kwh for day in run.state.ledger.days)
    assert deferred == pytest.approx(0.0, abs=0.02)
    assert run.state.ledger.ahead_kwh == pytest.approx(-10 / 0.95 / 6, rel=0.05)
    run.plant.load = always(-5.0, -5.0)
    run.ticks(600)
    spent = sum(day.given_up_kwh for day in run.state.ledger.days)
    assert 0.3 < spent < 10 / 6
