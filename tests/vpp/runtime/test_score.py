from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.domain.points import Quantity
from vpp.domain.snapshot import Layout, Snapshot
from vpp.runtime.score import Reached, Score

PORTFOLIO = two_sites()
STEP_S = 60.0


def seen(minute: int, *, net_kw: float, battery_kw: float = 0.0, soc: float = 0.5) -> Snapshot:
    power = {
        "home-bat": {Quantity.POWER_KW: battery_kw, Quantity.SOC: soc},
        "home-pv": {Quantity.POWER_KW: -4.0, Quantity.AVAILABLE_KW: 5.0},
        "home-pv-2": {Quantity.POWER_KW: -1.0},
        "shop-cp": {Quantity.POWER_KW: 2.0},
        "home-meter": {Quantity.POWER_KW: net_kw},
        "shop-meter": {Quantity.POWER_KW: 0.0},
    }
    at_s = minute * STEP_S
    return snapshot(PORTFOLIO, power, at=NOON + timedelta(seconds=at_s), now_s=at_s)


def reached(*snapshots: Snapshot) -> Reached:
    score = Score(PORTFOLIO, Layout(assets=tuple(PORTFOLIO.assets), meters=tuple(PORTFOLIO.meters)))
    for one in snapshots:
        score.observe(one)
    return score.reached


def test_demand_is_what_the_meters_leave_and_the_sun_counts_as_it_could_have_shone() -> None:
    hour = reached(*(seen(minute, net_kw=1.0, battery_kw=-3.0) for minute in range(61)))
    assert hour.load_kwh == pytest.approx(1.0 + 5.0 + 3.0 - 2.0)
    assert hour.ev_kwh == pytest.approx(2.0)
    assert hour.renewable_kwh == pytest.approx(6.0)
    assert hour.import_kwh == pytest.approx(1.0)
    assert hour.export_kwh == 0.0


def test_stored_energy_is_credited_at_what_it_gives() -> None:
    charged = reached(seen(0, net_kw=0.0, soc=0.2), seen(1, net_kw=0.0, soc=0.7))
    assert charged.credit_kwh == pytest.approx(0.5 * 10 * 0.95)


@pytest.mark.parametrize("power_kw", [-3.0, 3.0])
def test_a_state_of_charge_of_some_time_ago_counts_with_what_was_stored_since(
    power_kw: float,
) -> None:
    gained = 0.95 * power_kw if power_kw > 0 else power_kw / 0.95

    def measured(minute: int, age_s: float) -> Snapshot:
        stored_kwh = 5.0 + gained * (60 * minute - age_s) / 3600
        fresh = seen(minute, net_kw=1.0, battery_kw=power_kw, soc=stored_kwh / 10)
        soc = fresh.assets[Quantity.SOC]
        old = replace(soc, measured_s=np.full_like(soc.measured_s, fresh.now_s - age_s))
        return replace(fresh, assets={**fresh.assets, Quantity.SOC: old})

    for first_s, last_s in ((0.0, 0.0), (0.0, 50.0), (50.0, 0.0)):
        hour = reached(measured(0, first_s), measured(60, last_s))
        assert hour.credit_kwh == pytest.approx(0.95 * gained)


def test_it_is_early_until_the_sun_has_given_more_than_the_batteries_moved() -> None:
    first, last = seen(0, net_kw=1.0, soc=0.9), seen(60, net_kw=1.0, soc=0.1)
    assert reached(first, last).early  # 6 kWh of sun, and 7.6 kWh came out of store
    assert not reached(first, last, seen(120, net_kw=1.0, soc=0.1)).early


def test_within_a_quarter_hour_import_and_export_are_netted_and_beyond_it_not() -> None:
    swinging = reached(*(seen(m, net_kw=6.0 if m % 2 else -6.0) for m in range(31)))
    assert swinging.import_kwh == pytest.approx(0.1)  # an odd number of minutes each
    halves = reached(*(seen(m, net_kw=6.0 if m < 15 else -6.0) for m in range(31)))
    assert halves.import_kwh == pytest.approx(1.4)
    assert halves.export_kwh == pytest.approx(1.6)


def test_the_peak_is_of_whole_quarter_hours_only() -> None:
    assert reached(*(seen(m, net_kw=8.0) for m in range(30))).peak_kw is None
    assert reached(*(seen(m, net_kw=8.0) for m in range(46))).peak_kw == pytest.approx(8.0)


@pytest.mark.parametrize(("minute", "peak_kw"), [(32, 8.0), (44, 2.0), (45, 2.0)])
def test_a_quarter_hour_with_a_gap_makes_no_peak(minute: int, peak_kw: float) -> None:
    def measured(m: int) -> Snapshot:
        if m == minute:
            return snapshot(PORTFOLIO, {}, at=NOON + timedelta(minutes=m), now_s=m * STEP_S)
        return seen(m, net_kw=2.0 if m < 30 else 8.0)

    assert reached(*map(measured, range(61))).peak_kw == pytest.approx(peak_kw)


def test_a_gap_counts_for_nothing_on_either_side() -> None:
    blind = snapshot(PORTFOLIO, {}, at=NOON + timedelta(seconds=60), now_s=60.0)
    gap = reached(seen(0, net_kw=1.0, soc=0.1), blind, seen(2, net_kw=1.0, soc=0.9))
    assert (gap.load_kwh, gap.import_kwh, gap.credit_kwh) == (0.0, 0.0, 0.0)
    assert gap.unmeasured_s == 120.0
    assert gap.self_consumption is None
