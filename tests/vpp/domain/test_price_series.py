"""Prices of a market on the slots of a plan, and what dated data may say beside the bands."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.vpp.config.sample import SAMPLE
from vpp.config.city import load_city, read_city
from vpp.config.examples import example_city
from vpp.domain.errors import InvariantError
from vpp.domain.ids import TariffId
from vpp.domain.price_series import PriceSeries
from vpp.domain.slots import SlotGrid
from vpp.domain.tariff import Tariff

START = datetime(2026, 7, 15, 0, 0, tzinfo=UTC)


def series(hours: int = 48, **changes: object) -> PriceSeries:
    """Hour ``n`` costs ``n`` on the first day and ``100 + n`` on the second."""
    whole = np.arange(hours, dtype=float)
    prices = np.where(whole < 24, whole, 76 + whole)
    made = PriceSeries(
        source="smp.csv",
        starts_s=START.timestamp() + 3600.0 * whole,
        step_s=3600.0,
        import_per_kwh=prices,
        export_per_kwh=-prices,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def at(hour: float, count: int, step_s: float) -> SlotGrid:
    start = datetime.fromtimestamp(START.timestamp() + 3600.0 * hour, UTC)
    return SlotGrid.regular(start, count=count, step_s=step_s)


def imported(of: PriceSeries, grid: SlotGrid) -> list[float]:
    assert of.import_per_kwh is not None
    return [float(price) for price in of.mean_on(grid, of.import_per_kwh)]


def test_a_slot_has_the_mean_of_the_hours_that_it_lies_in() -> None:
    assert imported(series(), at(1.0, 4, 900)) == [1.0] * 4
    assert imported(series(), at(1.75, 2, 1800)) == [1.5, 2.0]
    assert imported(series(), at(0.0, 2, 7200)) == [0.5, 2.5]
    assert imported(series(), at(1.0, 3, 300)) == [1.0] * 3


def test_hours_not_yet_published_cost_what_they_did_on_the_newest_day_that_is_known() -> None:
    assert imported(series(), at(48.0, 2, 3600)) == [100.0, 101.0]
    assert imported(series(), at(24.0 * 9 + 5, 1, 3600)) == [105.0]
    assert imported(series(30), at(30.0, 1, 3600)) == [6.0]
    assert imported(series(30), at(50.0, 1, 3600)) == [102.0]


def test_an_hour_that_is_missing_costs_what_it_did_the_day_before() -> None:
    whole = series()
    assert whole.import_per_kwh is not None
    gap = np.delete(np.arange(48), 30)
    holed = series(
        starts_s=whole.starts_s[gap], import_per_kwh=whole.import_per_kwh[gap], export_per_kwh=None
    )
    assert imported(holed, at(29.0, 3, 3600)) == [105.0, 6.0, 107.0]


def test_what_was_before_the_first_price_is_refused() -> None:
    with pytest.raises(InvariantError, match=r"smp.csv: no prices before 2026-07-15 00:00 UTC"):
        imported(series(), at(-1.0, 4, 3600))


def tariff(text: str, name: str = "general") -> Tariff:
    return read_city(text, "f").portfolio.tariffs[TariffId(name)]


def test_prices_come_on_top_of_the_bands_and_may_be_negative() -> None:
    plain = tariff(SAMPLE)
    both = replace(plain, prices=series())
    grid, added = at(1.0, 3, 3600), np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(both.import_on(grid), plain.import_on(grid) + added)
    np.testing.assert_allclose(both.export_on(grid), plain.export_on(grid) - added)


def test_an_exported_kwh_may_earn_by_the_band() -> None:
    """2 September 2025 is a Tuesday: light to 8, dear from then on in the sample."""
    stated = "energy_per_kwh: {light: 90, dear: 150}\n"
    assert stated in SAMPLE
    text = SAMPLE.replace(stated, f"{stated}            export_per_kwh: {{dear: 80}}\n")
    grid = SlotGrid.regular(
        datetime(2025, 9, 2, 7, 30, tzinfo=ZoneInfo("Asia/Seoul")), count=4, step_s=900
    )
    usual = tariff(SAMPLE).export_on(grid)[0]
    assert tariff(text).export_on(grid).tolist() == [usual, usual, 80.0, 80.0]


def test_a_slot_across_a_change_of_price_has_the_mean_by_time() -> None:
    """Where clocks differ from UTC by half hours, an hour of a plan has two prices."""
    text = SAMPLE.replace("Asia/Seoul", "Australia/Adelaide").replace("country: KR", "country: AU")
    eight = datetime(2025, 9, 2, 8, 0, tzinfo=ZoneInfo("Australia/Adelaide"))
    grid = SlotGrid.containing(eight, count=2, step_s=3600)
    assert grid.start == datetime(2025, 9, 1, 22, 0, tzinfo=UTC)
    assert tariff(text).import_on(grid).tolist() == [120.0, 150.0]


@pytest.mark.parametrize(
    ("day", "factor"), [("2025-12-31", 0.4541), ("2026-01-01", 0.4173), ("2030-12-31", 0.4173)]
)
def test_carbon_goes_by_its_own_dates(day: str, factor: float) -> None:
    korean = load_city(example_city("city-20")).portfolio.tariffs[TariffId("general")]
    noon = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo("Asia/Seoul"))
    assert korean.grid_kg_per_kwh(noon) == factor
    assert korean.carbon_on(SlotGrid.regular(noon, count=1, step_s=900.0)).tolist() == [factor]


def test_hydrogen_has_the_worth_of_its_period() -> None:
    period = "        source: the second list\n"
    text = SAMPLE.replace(period, f"{period}        hydrogen_per_kg: 8800\n")
    seoul = ZoneInfo("Asia/Seoul")
    assert tariff(text).hydrogen_per_kg(datetime(2025, 12, 31, 23, tzinfo=seoul)) == 0.0
    assert tariff(text).hydrogen_per_kg(datetime(2026, 1, 1, tzinfo=seoul)) == 8800.0
