"""A demand charge that looks back: peaks of the months that its ratchet names are paid already."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.vpp.control.planning.cities import TWO_SITES, snapshot
from tests.vpp.control.planning.test_replanning import InProcess, LoopClock
from vpp.config.city import read_city
from vpp.control.occasions import Rhythm
from vpp.control.outlook import SLOT_S, recorded, twelve_months
from vpp.control.replanning import Replanner
from vpp.domain.arrays import Floats
from vpp.domain.history import Mean
from vpp.domain.ids import PoolId
from vpp.domain.points import Quantity
from vpp.ports.clock import Clocks

POOL = PoolId("street")
SEOUL = ZoneInfo("Asia/Seoul")
KOREAN = frozenset({12, 1, 2, 7, 8, 9})
PEAKS_KW = {
    datetime(2025, 7, 28, 12, tzinfo=SEOUL): 90.0,
    datetime(2025, 8, 1, 0, tzinfo=SEOUL): 31.0,
    datetime(2026, 1, 31, 23, 45, tzinfo=SEOUL): 44.0,
    datetime(2026, 4, 2, 12, tzinfo=SEOUL): 60.0,
    datetime(2026, 7, 1, 0, tzinfo=SEOUL): 23.0,
}
"""Of the quarter hours that begin there; 3 kW else."""
NOW = datetime(2026, 7, 15, 12, tzinfo=SEOUL)


class Past:
    """A history that knows of a few peaks."""

    def __init__(self, peaks_kw: Mapping[datetime, float]) -> None:
        self._peaks_kw = peaks_kw

    async def append(self, means: Sequence[Mean]) -> None:
        raise NotImplementedError

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        values = np.full(round((end - start).total_seconds() / step_s), 3.0)
        if quantity in {Quantity.AVAILABLE_KW, Quantity.HELD_BACK}:
            values[:] = np.nan
        elif subject == POOL:
            for at, peak_kw in self._peaks_kw.items():
                if start <= at < end:
                    values[round((at - start).total_seconds() / step_s)] = peak_kw
        return values


@pytest.mark.parametrize(
    ("now", "ratchet", "paid_kw"),
    [
        (NOW, frozenset(), 23.0),
        (NOW, KOREAN, 44.0),
        (NOW, KOREAN - {1}, 31.0),
        (datetime(2026, 2, 1, tzinfo=SEOUL), frozenset(), 0.0),
        (datetime(2026, 2, 1, tzinfo=SEOUL), frozenset({1}), 44.0),
        (datetime(2026, 6, 30, 23, 45, tzinfo=SEOUL), frozenset({7}), 90.0),
        (datetime(2026, 7, 1, 0, 15, tzinfo=SEOUL), frozenset({7}), 23.0),
    ],
)
async def test_the_month_and_the_months_of_the_ratchet_count(
    now: datetime, ratchet: frozenset[int], paid_kw: float
) -> None:
    """July a year ago has left the twelve months when another one begins."""
    portfolio = read_city(TWO_SITES, "two.yaml").portfolio
    record = await recorded(portfolio, Past(PEAKS_KW), now.astimezone(UTC))
    assert record.peak_paid_kw(POOL, ratchet) == paid_kw


@pytest.mark.parametrize(
    ("ratchet", "paid_kw"), [("", 23.0), (", ratchet_months: [12, 1, 2, 7, 8, 9]", 44.0)]
)
async def test_a_plan_knows_what_the_citys_tariff_makes_it_pay_already(
    ratchet: str, paid_kw: float
) -> None:
    text = TWO_SITES.replace("interval_min: 15}", f"interval_min: 15{ratchet}}}")
    portfolio, planning, clock = read_city(text, "two.yaml").portfolio, InProcess(), LoopClock()
    replanner = Replanner(
        portfolio,
        planning=planning,
        history=Past(PEAKS_KW),
        clocks=Clocks(city=clock, wire=clock),
        rhythm=Rhythm(horizon_s=6 * 3600.0),
    )
    seen = snapshot(portfolio, {"home-bat": {Quantity.SOC: 0.5}}, at=NOW.astimezone(UTC))
    await replanner.round(seen)
    (problem,) = planning.problems
    assert problem.prices.peak_paid_kw == paid_kw


def test_months_are_local_ones_where_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    until = datetime(2026, 11, 1, 1, tzinfo=berlin)
    november, october, *older = twelve_months(until, "Europe/Berlin")
    assert (november.number, november.begins, november.ends) == (11, 4, 0)
    assert (october.number, october.begins - october.ends) == (10, 31 * 96 + 4)
    assert [month.number for month in older] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 12]
    first = until.astimezone(UTC) - timedelta(seconds=SLOT_S * older[-1].begins)
    assert first == datetime(2025, 12, 1, tzinfo=berlin)
