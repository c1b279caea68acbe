"""The fixed definitions, on cases small enough to do by hand, and what must hold of any."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain import metrics
from vpp.domain.arrays import Floats

powers = st.lists(st.floats(-100, 100), min_size=2, max_size=30).map(np.array)


def column(*values: float) -> Floats:
    return np.array(values)


# Two hours: sun of 10 kW, then none; load of 4 kW throughout.
LOAD, SUN = column(4, 4), column(10, 0)


def test_without_a_battery_half_the_demand_is_local() -> None:
    found = metrics.balance(demand_kw=LOAD, net_kw=LOAD - SUN, available_kw=SUN, hours=1.0)
    assert (found.import_kwh, found.export_kwh, found.local_kwh) == (4, 6, 4)
    assert found.self_consumption == pytest.approx(0.4)
    assert found.self_sufficiency == pytest.approx(0.5)
    assert found.gross_self_consumption == pytest.approx(0.4)


def test_losses_of_a_battery_are_used_only_in_the_gross_figure() -> None:
    net = LOAD - SUN + column(5, -4)  # 5 kWh in, 4 kWh out, 1 kWh lost
    found = metrics.balance(demand_kw=LOAD, net_kw=net, available_kw=SUN, hours=1.0)
    assert found.self_consumption == pytest.approx(0.8)
    assert found.self_sufficiency == pytest.approx(1.0)
    assert found.gross_self_consumption == pytest.approx(0.9)


def test_energy_still_in_store_is_credited_at_what_it_will_give() -> None:
    credit = metrics.stored_credit_kwh(column(0, 2), column(5, 1), column(0.8, 0.5))
    assert credit == pytest.approx(0.8 * 5 - 0.5)
    net = LOAD - SUN + column(5, 0)
    found = metrics.balance(
        demand_kw=LOAD, net_kw=net, available_kw=SUN, hours=1.0, credit_kwh=credit
    )
    assert found.self_consumption == pytest.approx((8 - 4 + 3.5) / 10)


def test_energy_bought_to_be_stored_gains_nothing() -> None:
    bought = LOAD - SUN + column(0, 4)
    credit = metrics.stored_credit_kwh(column(0), column(0.9 * 4), column(0.9))
    with_purchase = metrics.balance(
        demand_kw=LOAD, net_kw=bought, available_kw=SUN, hours=1.0, credit_kwh=credit
    )
    without = metrics.balance(demand_kw=LOAD, net_kw=LOAD - SUN, available_kw=SUN, hours=1.0)
    assert with_purchase.self_consumption < without.self_consumption


def test_curtailed_energy_was_available() -> None:
    made = column(4, 0)
    found = metrics.balance(
        demand_kw=LOAD, net_kw=LOAD - made, available_kw=SUN, produced_kw=made, hours=1.0
    )
    assert found.curtailed_kwh == 6
    assert found.self_consumption == pytest.approx(0.4)
    assert found.gross_self_consumption == pytest.approx(0.4)


def test_a_ratio_over_nothing_is_not_a_number() -> None:
    nothing = column(0, 0)
    dark = metrics.balance(demand_kw=LOAD, net_kw=LOAD, available_kw=nothing, hours=1.0)
    assert math.isnan(dark.self_consumption)
    assert math.isnan(dark.gross_self_consumption)
    assert dark.self_sufficiency == 0
    empty = metrics.balance(demand_kw=nothing, net_kw=-SUN, available_kw=SUN, hours=1.0)
    assert math.isnan(empty.self_sufficiency)
    assert empty.self_consumption == 0
    assert math.isnan(metrics.peak_kw(column()))
    assert math.isnan(metrics.mean_daily_peak_kw(column(), column()))
    assert math.isnan(metrics.full_cycles(column(1), 1.0, 0.9, 0.0))


def test_slots_may_differ_in_length() -> None:
    hours = column(0.25, 2)
    assert metrics.import_kwh(column(8, 1), hours) == 4
    assert metrics.export_kwh(column(8, -1), hours) == 2


def test_cost_counts_imports_and_what_exports_earn() -> None:
    net, price = column(4, -2), column(10, 20)
    assert metrics.energy_cost(net, 0.5, price) == 20
    assert metrics.energy_cost(net, 0.5, price, 3.0) == 17
    assert metrics.co2_kg(net, 0.5, column(0.4, 9)) == pytest.approx(0.8)


def test_peaks_are_of_imports_and_by_day() -> None:
    net, day = column(3, 7, -9, 5), column(0, 0, 1, 1)
    assert metrics.peak_kw(net) == 7
    assert metrics.peak_kw(-np.abs(net)) == 0
    assert metrics.mean_daily_peak_kw(net, day) == 6


def test_ramping_is_the_sum_of_changes() -> None:
    assert metrics.ramping_kw(column(1, 4, -2)) == 9


def test_cycles_count_what_left_the_store() -> None:
    assert metrics.full_cycles(column(10, -8, -1), 0.5, 0.9, 5.0) == pytest.approx(1.0)


def test_losses_are_what_is_neither_given_nor_held() -> None:
    power = np.array([[10.0, -4.0], [0.0, 0.0]])
    assert metrics.loss_kwh(power, 1.0, column(0, 3), column(5, 3)) == 1


@given(net=powers)
def test_import_less_export_is_the_net_energy(net: Floats) -> None:
    difference = metrics.import_kwh(net, 0.25) - metrics.export_kwh(net, 0.25)
    assert difference == pytest.approx(metrics.energy_kwh(net, 0.25), abs=1e-9)


@given(load=powers.map(np.abs), sun=st.floats(0.1, 50))
def test_without_storage_the_two_self_consumptions_agree(load: Floats, sun: float) -> None:
    available = np.full(len(load), sun)
    found = metrics.balance(
        demand_kw=load, net_kw=load - available, available_kw=available, hours=1.0
    )
    assert found.self_consumption == pytest.approx(found.gross_self_consumption, abs=1e-9)
    assert -1e-9 <= found.self_consumption <= 1 + 1e-9
