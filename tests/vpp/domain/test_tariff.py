"""Prices by local date and hour, across daylight saving, holidays and changes of the tariff."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.vpp.config.sample import SAMPLE
from vpp.config.city import load_city, read_city
from vpp.config.examples import example_city
from vpp.domain.errors import InvariantError
from vpp.domain.ids import TariffId
from vpp.domain.slots import SlotGrid
from vpp.domain.tariff import DayType, Tariff

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture(scope="module")
def korean() -> Tariff:
    return load_city(example_city("city-20")).portfolio.tariffs[TariffId("general")]


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("at", "price"),
    [
        ("2026-05-29T11:30", 119.7),  # a Friday before the reform: 11 to 12 is peak
        ("2026-05-29T12:30", 100.5),
        ("2026-06-01T11:30", 121.5),  # the first day of the reform, a Monday: mid
        ("2026-06-01T14:59", 121.5),
        ("2026-06-01T15:00", 138.1),
        ("2026-06-01T20:59", 138.1),
        ("2026-06-01T21:00", 121.5),
        ("2026-06-01T22:00", 100.8),
        ("2026-06-02T07:59", 100.8),
        ("2026-06-03T16:00", 100.8),  # local elections: a holiday
        ("2026-07-11T16:00", 121.5),  # a Saturday
        ("2026-07-12T16:00", 100.8),  # a Sunday
        ("2026-07-17T16:00", 100.8),  # Constitution Day, a Friday
        ("2026-10-17T12:00", 50.25),  # an autumn Saturday, 11 to 14 at half price
        ("2026-10-18T12:00", 50.4),
        ("2026-10-18T14:00", 100.8),
        ("2026-09-25T12:00", 50.4),  # Chuseok, a Friday
        ("2026-12-01T10:00", 132.5),  # winter keeps its hours
        ("2025-12-01T10:00", 149.4),
    ],
)
def test_the_example_tariff_costs_what_was_published(korean: Tariff, at: str, price: float) -> None:
    assert korean.energy_per_kwh(seoul(at)) == price


def test_instants_are_judged_by_local_time(korean: Tariff) -> None:
    at = datetime(2026, 5, 31, 15, 0, tzinfo=UTC)  # midnight of 1 June in Seoul
    assert korean.period(at.astimezone(SEOUL).date()).valid_from == date(2026, 6, 1)
    assert korean.energy_per_kwh(at) == 100.8


def test_prices_stand_on_any_grid(korean: Tariff) -> None:
    grid = SlotGrid.regular(seoul("2026-07-15T14:30"), count=4, step_s=900)
    assert korean.import_on(grid).tolist() == [121.5, 121.5, 138.1, 138.1]
    assert korean.export_on(grid).tolist() == [0.0] * 4
    assert korean.carbon_on(grid).tolist() == [0.4173] * 4


def test_the_demand_charge_counts_quarter_hours_and_remembers_summer_and_winter(
    korean: Tariff,
) -> None:
    demand = korean.demand_at(seoul("2026-07-15T00:00"))
    assert demand is not None
    assert (demand.per_kw, demand.interval_s, demand.least_kw(600.0)) == (6490, 900, 180)
    assert demand.least_kw(float("inf")) == 0.0
    assert demand.ratchet_months == {12, 1, 2, 7, 8, 9}


def test_what_was_not_published_is_said(korean: Tariff) -> None:
    assert "winter after the reform have not been published" in korean.periods[1].source


@pytest.mark.parametrize("day", ["2024-10-23", "2031-01-01"])
def test_a_day_without_prices_is_refused(korean: Tariff, day: str) -> None:
    with pytest.raises(InvariantError, match=f"no prices for {day}"):
        korean.energy_per_kwh(seoul(f"{day}T12:00"))
    assert korean.demand_at(seoul(f"{day}T12:00")) is None


def test_days_left_out_have_the_bands_of_the_day_before_them_in_the_list() -> None:
    tariff = read_city(SAMPLE, "f").portfolio.tariffs[TariffId("general")]
    season = tariff.periods[0].season(5)
    assert season.bands[DayType.SATURDAY] == season.bands[DayType.WEEKDAY]
    assert season.bands[DayType.HOLIDAY] == season.bands[DayType.SUNDAY] == ("light",) * 24


def test_a_day_of_daylight_saving_has_23_or_25_priced_hours() -> None:
    text = SAMPLE.replace("Asia/Seoul", "Europe/Berlin").replace("country: KR", "country: DE")
    tariff = read_city(text, "f").portfolio.tariffs[TariffId("general")]
    berlin = ZoneInfo("Europe/Berlin")
    for day, next_day, hours, light in (
        ("2025-03-31", "2025-04-01", 24, 10),
        ("2025-03-30", "2025-03-31", 23, 23),
        ("2025-10-26", "2025-10-27", 25, 25),
        ("2025-10-27", "2025-10-28", 24, 10),
    ):
        start, end = (
            datetime.fromisoformat(d).replace(tzinfo=berlin).timestamp() for d in (day, next_day)
        )
        prices = tariff.import_on(SlotGrid(edges_s=np.arange(start, end + 1, 3600.0)))
        assert (len(prices), int((prices == 90).sum())) == (hours, light)


def test_holidays_are_those_of_the_portfolios_country() -> None:
    unity = date(2025, 10, 3)
    german = SAMPLE.replace("country: KR", "country: DE")
    for text, labour in ((SAMPLE, date(2025, 10, 9)), (german, date(2025, 5, 1))):
        tariff = read_city(text, "f").portfolio.tariffs[TariffId("general")]
        assert tariff.day_type(unity) is DayType.HOLIDAY
        assert tariff.day_type(labour) is DayType.HOLIDAY
        assert tariff.day_type(date(2025, 7, 8)) is DayType.WEEKDAY
