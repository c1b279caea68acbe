"""What a pool took lately without its storages."""

from datetime import timedelta

import numpy as np

from tests.vpp.control.planning.cities import NOON, two_sites
from vpp.control.outlook import SLOT_S, Record
from vpp.domain.arrays import Floats
from vpp.domain.forecast import Series
from vpp.domain.ids import PoolId
from vpp.domain.points import Quantity

SLOTS = 8 * 96


def series(subject: str, values_kw: Floats) -> Series:
    start = NOON - timedelta(seconds=SLOTS * SLOT_S)
    return Series(
        subject=subject,
        quantity=Quantity.POWER_KW,
        start=start,
        step_s=SLOT_S,
        values_kw=values_kw,
    )


def test_what_cars_drew_is_part_of_what_a_peak_is_measured_by() -> None:
    drawn_kw = np.where(np.arange(SLOTS) == 100, 11.0, np.nan)
    quiet = [series(site, np.full(SLOTS, 2.0)) for site in ("home", "shop")]
    portfolio, pool = two_sites(), PoolId("street")
    before, after = (
        Record(series=tuple(one), net_kw={}).lately(portfolio, pool)
        for one in (quiet, [*quiet, series("shop-cp", drawn_kw)])
    )
    assert before is not None
    assert after is not None
    assert (before.largest_kw, after.largest_kw) == (4.0, 15.0)


def test_the_largest_net_is_known_before_seven_days_of_it_are() -> None:
    rising_kw = np.where(np.arange(SLOTS) < SLOTS - 4, np.nan, np.arange(SLOTS) - SLOTS + 5.0)
    known = [series(site, rising_kw) for site in ("home", "shop")]
    unknown = [series(site, np.full(SLOTS, np.nan)) for site in ("home", "shop")]
    portfolio, pool = two_sites(), PoolId("street")
    short, none = (Record(series=tuple(one), net_kw={}) for one in (known, unknown))
    assert short.lately(portfolio, pool) is None
    assert short.largest_kw(portfolio, pool) == 8.0
    assert none.largest_kw(portfolio, pool) is None
