"""Rule controllers: batteries stay within their limits, and none feeds another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.arrays import Floats
from vpp.domain.assets import Battery
from vpp.domain.ids import AssetId, SiteId
from vpp.domain.rules import (
    Cars,
    Interval,
    Rule,
    Storage,
    community,
    inverter,
    no_control,
    on_arrival,
    share_by_hours_left,
    surplus_first,
    tariff_timer,
)

RULES = [no_control, inverter, community, tariff_timer]


def storage_of(*rows: tuple[float, float, float, int]) -> Storage:
    """Batteries of ``(capacity_kwh, power_kw, eta, site)``."""
    capacity, power, eta, site = (np.array(column) for column in zip(*rows, strict=True))
    return Storage(
        site=site.astype(np.int64),
        low_kwh=0.1 * capacity,
        high_kwh=capacity,
        charge_kw=power,
        discharge_kw=0.8 * power,
        eta_charge=eta,
        eta_discharge=eta,
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Storage, Interval]:
    rows = draw(
        st.lists(
            st.tuples(
                st.floats(1, 200), st.floats(0.5, 80), st.floats(0.7, 1.0), st.integers(0, 2)
            ),
            min_size=1,
            max_size=6,
        )
    )
    storage = storage_of(*rows)
    part = np.array(draw(st.lists(st.floats(0, 1), min_size=len(rows), max_size=len(rows))))
    interval = Interval(
        hours=draw(st.sampled_from([1 / 60, 0.25, 1.0])),
        net_kw=np.array(draw(st.lists(st.floats(-150, 150), min_size=3, max_size=3))),
        stored_kwh=storage.low_kwh + part * (storage.high_kwh - storage.low_kwh),
        dear=draw(st.booleans()),
        hours_to_dear=draw(st.sampled_from([0.25, 1.0, 2.5, 9.0, float("inf")])),
    )
    return storage, interval


@pytest.mark.parametrize("rule", RULES)
@given(situation=situations())
def test_no_rule_leaves_the_limits_of_power_and_store(
    rule: Rule, situation: tuple[Storage, Interval]
) -> None:
    storage, interval = situation
    power = rule(storage, interval)
    assert (power <= storage.charge_kw + 1e-9).all()
    assert (power >= -storage.discharge_kw - 1e-9).all()
    after = storage.after(interval.stored_kwh, power, interval.hours)
    assert (after <= storage.high_kwh + 1e-7).all()
    assert (after >= storage.low_kwh - 1e-7).all()


@pytest.mark.parametrize("rule", [community, tariff_timer])
@given(situation=situations())
def test_no_battery_of_a_pool_feeds_another(
    rule: Rule, situation: tuple[Storage, Interval]
) -> None:
    power = rule(*situation)
    assert not ((power > 1e-9).any() and (power < -1e-9).any())


@given(situation=situations())
def test_the_community_rule_serves_the_net_and_never_more(
    situation: tuple[Storage, Interval],
) -> None:
    storage, interval = situation
    net, served = float(interval.net_kw.sum()), -float(community(storage, interval).sum())
    left = interval.stored_kwh
    most = np.minimum(storage.discharge_kw, storage.empty_kwh(left) / interval.hours)
    if net < 0:
        most = np.minimum(storage.charge_kw, storage.fill_kwh(left) / interval.hours)
    assert served == pytest.approx(np.sign(net) * min(abs(net), most.sum()), abs=1e-7)


@given(situation=situations())
def test_an_inverter_neither_exports_nor_imports_for_its_batteries(
    situation: tuple[Storage, Interval],
) -> None:
    storage, interval = situation
    power = inverter(storage, interval)
    for site, net in enumerate(interval.net_kw):
        total = float(power[storage.site == site].sum())
        assert min(0.0, -net) - 1e-9 <= total <= max(0.0, -net) + 1e-9


@given(situation=situations())
def test_dividing_an_interval_divides_nothing_else(situation: tuple[Storage, Interval]) -> None:
    """The two halves of an interval store as much surplus as the whole."""
    storage, interval = situation
    net = -np.abs(interval.net_kw)
    whole = Interval(hours=1.0, net_kw=net, stored_kwh=interval.stored_kwh)
    half = Interval(hours=0.5, net_kw=net, stored_kwh=interval.stored_kwh)
    first = community(storage, half)
    second = community(
        storage,
        Interval(
            hours=0.5, net_kw=net, stored_kwh=storage.after(half.stored_kwh, first, half.hours)
        ),
    )
    taken = 0.5 * float((first + second).sum())
    assert taken == pytest.approx(float(community(storage, whole).sum()), rel=1e-6, abs=1e-6)


def test_the_battery_with_most_hours_left_goes_first_until_levelled() -> None:
    # 10 h, 4 h and 2 h left at 5, 10 and 20 kW.
    left, power = np.array([50.0, 40.0, 40.0]), np.array([5.0, 10.0, 20.0])
    assert share_by_hours_left(left, power, 3.0, 1.0).tolist() == pytest.approx([3, 0, 0])
    # Within an hour the first comes down to 9 h at its full power, so the second is next.
    assert share_by_hours_left(left, power, 9.0, 1.0).tolist() == pytest.approx([5, 4, 0])
    assert share_by_hours_left(left, power, 99.0, 1.0).tolist() == pytest.approx([5, 10, 20])


def test_batteries_alike_share_alike() -> None:
    share = share_by_hours_left(np.full(4, 10.0), np.full(4, 5.0), 8.0, 0.25)
    assert share.tolist() == pytest.approx([2.0] * 4)


def test_a_battery_about_to_be_full_takes_only_what_fits() -> None:
    share = share_by_hours_left(np.array([0.5, 40.0]), np.array([10.0, 10.0]), 30.0, 0.25)
    assert share.tolist() == pytest.approx([2.0, 10.0])


def test_the_timer_fills_evenly_before_dear_hours_and_gives_in_them() -> None:
    storage = storage_of((10.0, 20.0, 1.0, 0))
    half = np.array([4.0])

    def power(net: float, *, dear: bool, wait: float) -> float:
        interval = Interval(
            hours=1.0, net_kw=np.array([net]), stored_kwh=half, dear=dear, hours_to_dear=wait
        )
        return float(tariff_timer(storage, interval)[0])

    assert power(2.0, dear=False, wait=3.0) == pytest.approx(2.0)
    assert power(2.0, dear=False, wait=1.0) == pytest.approx(6.0)
    assert power(-5.0, dear=False, wait=3.0) == pytest.approx(5.0)
    assert power(2.0, dear=True, wait=0.0) == pytest.approx(-2.0)
    assert power(2.0, dear=False, wait=9.0) == pytest.approx(-2.0)


def test_the_storage_of_a_portfolio_keeps_its_reserve() -> None:
    battery = Battery(
        id=AssetId("b"), site=SiteId("s"), capacity_kwh=50, charge_kw=5, discharge_kw=6,
        soc_min=0.05, reserve_soc=0.2, soc_max=0.9, eta_charge=0.9,
    )  # fmt: skip
    storage = Storage.of([battery], [3])
    assert (storage.low_kwh[0], storage.high_kwh[0]) == (10, 45)
    assert storage.site.tolist() == [3]
    assert storage.fill_kwh(np.array([36.0]))[0] == pytest.approx(10)


def cars(*rows: tuple[float, float, float]) -> Cars:
    """Cars of ``(need_kwh, now_kwh, later_kwh)``."""
    need, now, later = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return Cars(need_kwh=need, now_kwh=now, later_kwh=later)


def test_on_arrival_a_car_takes_what_its_charger_gives() -> None:
    given_kw = on_arrival(cars((10, 2, 50), (1, 2, 0)), 0.0, 0.5)
    assert given_kw.tolist() == [4, 2]


def test_without_surplus_a_car_waits_until_it_must_not() -> None:
    given_kw = surplus_first(cars((10, 2, 50), (10, 2, 9), (10, 2, 3)), 0.0, 1.0)
    assert given_kw.tolist() == [0, 1, 2]


def test_surplus_goes_first_to_the_car_with_least_to_spare() -> None:
    given_kw = surplus_first(cars((10, 2, 50), (10, 2, 12)), 3.0, 1.0)
    assert given_kw.tolist() == [1, 2]


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 50), st.floats(0, 10), st.floats(0, 50)), min_size=1, max_size=8
    ),
    surplus=st.floats(0, 100),
)
def test_cars_get_no_more_than_they_want_and_never_too_late(
    rows: list[tuple[float, float, float]], surplus: float
) -> None:
    fleet = cars(*rows)
    most = np.minimum(fleet.need_kwh, fleet.now_kwh)
    given_kwh: Floats = surplus_first(fleet, surplus, 1.0)
    assert (given_kwh <= most + 1e-9).all()
    assert (given_kwh >= np.clip(fleet.need_kwh - fleet.later_kwh, 0, most) - 1e-9).all()
    forced = float(np.clip(fleet.need_kwh - fleet.later_kwh, 0, most).sum())
    assert given_kwh.sum() == pytest.approx(min(max(surplus, forced), most.sum()), abs=1e-7)
