"""What a pool has imported since its billing interval began."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.control.billing import HOLD_S, Billing, RunningImport
from vpp.domain.ids import PoolId
from vpp.domain.points import Quantity
from vpp.domain.snapshot import Snapshot

PORTFOLIO, POOL = two_sites(), PoolId("street")


def seen(at_s: float, home_kw: float | None, shop_kw: float = 0.0) -> Snapshot:
    values = {"shop-meter": {Quantity.POWER_KW: shop_kw}}
    if home_kw is not None:
        values["home-meter"] = {Quantity.POWER_KW: home_kw}
    return snapshot(PORTFOLIO, values, at=NOON + timedelta(seconds=at_s), now_s=at_s)


def settled(ticks: list[Snapshot]) -> Billing:
    running = RunningImport(PORTFOLIO)
    for tick in ticks:
        running.add(tick)
    return running.billing(POOL, ticks[-1].at, 7.0)


def test_a_net_holds_until_the_next_tick() -> None:
    found = settled([seen(0, 6.0), seen(60, 12.0, 3.0), seen(180, 0.0)])
    assert found.running_import_kw == pytest.approx((6.0 * 60 + 15.0 * 120) / 180)
    assert found.running_part == pytest.approx(180 / 900)
    assert found.peak_paid_kw == 7.0


def test_the_sites_net_out_but_what_the_pool_exports_does_not_pay_for_what_it_imports() -> None:
    found = settled([seen(0, -9.0, 5.0), seen(60, 8.0, -2.0), seen(120, 0.0)])
    assert found.running_import_kw == pytest.approx(6.0 / 2)


def test_an_interval_begins_anew_and_takes_its_part_of_the_tick_across_the_edge() -> None:
    found = settled([seen(840, 50.0), seen(890, 8.0), seen(910, 2.0), seen(930, 0.0)])
    assert found.running_import_kw == pytest.approx((8.0 * 10 + 2.0 * 20) / 30)
    assert found.running_part == pytest.approx(30 / 900)


def test_what_was_not_measured_counts_as_what_was() -> None:
    found = settled([seen(0, 4.0), seen(60, None), seen(120, 4.0), seen(180, 10.0)])
    assert found.running_import_kw == pytest.approx(4.0)
    assert found.running_part == pytest.approx(180 / 900)
    silent = settled([seen(0, 4.0), seen(600, 9.0)])
    assert silent.running_import_kw == pytest.approx(4.0)
    late = settled([seen(0, 4.0), seen(600, 9.0), seen(600 + HOLD_S, 0.0)])
    assert late.running_import_kw == pytest.approx((4.0 + 9.0) / 2)


def test_without_any_measurement_nothing_is_settled() -> None:
    assert settled([seen(0, None), seen(60, None)]) == Billing(peak_paid_kw=7.0)


def test_after_the_last_prices_that_are_known_the_usual_interval_is_counted() -> None:
    city, at = load_city(example_city("city-20")).portfolio, datetime(2031, 1, 1, tzinfo=UTC)
    running = RunningImport(city)
    running.add(snapshot(city, {}, at=at, now_s=0.0))
    assert running.billing(PoolId("north"), at, 7.0) == Billing(peak_paid_kw=7.0)
