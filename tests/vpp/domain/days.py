"""Days as they might have been measured."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.day import MeasuredDay
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.order import Order
from vpp.domain.rules import Interval, Rule, Storage, community

HOURS, SLOTS = 0.25, 96
STORAGE = Storage(
    site=np.array([0, 1]),
    low_kwh=np.array([1.0, 2.0]),
    high_kwh=np.array([10.0, 16.0]),
    charge_kw=np.array([5.0, 4.0]),
    discharge_kw=np.array([5.0, 4.0]),
    eta_charge=np.array([0.95, 0.93]),
    eta_discharge=np.array([0.95, 0.94]),
)
_HOUR = np.arange(SLOTS) * HOURS
SUN_KW: Floats = 9.0 * np.maximum(np.sin((_HOUR - 6) / 12 * np.pi), 0.0)
LOAD_KW: Floats = 2.0 + 4.0 * np.exp(-((_HOUR - 20) ** 2) / 4)
_DEAR = ((_HOUR >= 5) & (_HOUR < 7)) | ((_HOUR >= 17) & (_HOUR < 22))
PRICES: Floats = np.where(_DEAR, 150.0, np.where(_HOUR < 4, 60.0, 100.0))


def followed(rest_kw: Floats, start_kwh: Floats, rule: Rule = community) -> tuple[Floats, Floats]:
    """Power and stored energy of batteries that follow a rule over a day."""
    power_kw = np.zeros((len(STORAGE), len(rest_kw)))
    stored_kwh = np.repeat(start_kwh[:, None], len(rest_kw) + 1, axis=1)
    for slot, net_kw in enumerate(rest_kw):
        now = Interval(hours=HOURS, net_kw=np.array([net_kw, 0.0]), stored_kwh=stored_kwh[:, slot])
        power_kw[:, slot] = rule(STORAGE, now)
        stored_kwh[:, slot + 1] = STORAGE.after(stored_kwh[:, slot], power_kw[:, slot], HOURS)
    return power_kw, stored_kwh


def day_of(power_kw: Floats, stored_kwh: Floats, **changes: Any) -> MeasuredDay:
    """A day of the usual sun and load, in which batteries did this."""
    rest_kw = LOAD_KW - SUN_KW
    made = MeasuredDay(
        pool=PoolId("north"),
        date=date(2026, 6, 2),
        order=Order.LOCAL,
        currency="KRW",
        hours=HOURS,
        net_kw=rest_kw + power_kw.sum(axis=0),
        sun_kw=SUN_KW,
        could_kw=SUN_KW,
        storage=STORAGE,
        batteries=(AssetId("a-bat"), AssetId("b-bat")),
        power_kw=power_kw,
        stored_kwh=stored_kwh,
        foreseen_kw=rest_kw,
        import_per_kwh=PRICES,
        export_per_kwh=np.full(SLOTS, 20.0),
        limited=np.zeros((2, SLOTS), np.bool_),
        bad_from=0.02,
    )
    return replace(made, **changes)


def good_day(**changes: Any) -> MeasuredDay:
    """Batteries follow the measured surplus."""
    return replace(day_of(*followed(LOAD_KW - SUN_KW, np.array([1.0, 2.0]))), **changes)
