"""Recorded prices as production is told them."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.backtest.weather import unlike
from vpp.backtest.data import Recording
from vpp.backtest.prices import recorded_tariff
from vpp.domain.arrays import frozen
from vpp.domain.slots import SlotGrid

DAYS = 3


@pytest.fixture
def recording() -> Recording:
    made = unlike(DAYS)
    slots = np.arange(DAYS * 96, dtype=float)
    return replace(
        made,
        price_per_kwh=frozen(100 + slots),
        carbon_kg_per_kwh=frozen((slots % 96) + slots // 96),
    )


def ahead(recording: Recording, slot: int, count: int = 96) -> SlotGrid:
    start = recording.grid.start + timedelta(minutes=15 * slot)
    return SlotGrid.regular(start, count=count, step_s=900.0)


def test_prices_are_published_and_go_on_like_the_last_day(recording: Recording) -> None:
    tariff = recorded_tariff(recording)
    last = 96 * (DAYS - 1)
    found = tariff.import_on(ahead(recording, last + 48, 200))
    assert found.tolist() == [
        100 + (slot if slot < 96 * DAYS else last + slot % 96)
        for slot in range(last + 48, last + 248)
    ]
    assert not tariff.export_on(ahead(recording, 0)).any()


def test_carbon_is_known_now_and_else_the_mean_of_the_same_time_of_days_past(
    recording: Recording,
) -> None:
    now = 96 + 40
    found = recorded_tariff(recording).carbon_on(ahead(recording, now))
    assert found[0] == 41.0
    # Of 55 quarter hours later only the first day's value is known.
    assert found[55] == 95.0
    later = np.array(recording.carbon_kg_per_kwh)
    later[now + 1 :] = 1e6
    blind = recorded_tariff(replace(recording, carbon_kg_per_kwh=frozen(later)))
    grid = ahead(recording, now, 192)
    assert np.array_equal(blind.carbon_on(grid), recorded_tariff(recording).carbon_on(grid))


def test_perfect_foresight_knows_the_carbon(recording: Recording) -> None:
    known = recorded_tariff(recording, carbon_known=True).carbon_on(ahead(recording, 96))
    assert recording.carbon_kg_per_kwh is not None
    assert np.array_equal(known, recording.carbon_kg_per_kwh[96:192])


def test_a_demand_charge_counts_the_recorded_slots(recording: Recording) -> None:
    demand = recorded_tariff(recording, demand_per_kw=2.0).demand_at(recording.grid.start)
    assert demand is not None
    assert (demand.per_kw, demand.interval_s) == (2.0, 900.0)
    assert recorded_tariff(recording).demand_at(recording.grid.start) is None
