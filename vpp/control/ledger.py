"""What the tick keeps account of.

The running slot's mean net, and local use given up against the measured-surplus rule.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from vpp.control.serving import Slot, Store
from vpp.control.state import Ledger, LedgerDay, SlotMemory
from vpp.domain.slots import SlotGrid

DAYS = 365
"""That local use is kept account of: what overflows in a sunny month is small beside the year's
import and large beside that month's."""
FORESEEN_DAYS = 90
"""Of import, in the mean of those counted, that count while fewer have been: a young record errs
more than the year will."""
FORGIVEN_DAYS = 30
"""After which the worst day is not counted: one night before an unforeseen sun gives up more than
a year may, and would end the side goals for that year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What has flowed since the tick before, in the mean."""

    net_kw: float
    """Residual of the pool that the tick before served; NaN where there was none."""
    power_kw: float
    """Of its storages, which that tick told them."""
    dt_s: float


def slot_after(memory: SlotMemory, grid: SlotGrid, at: datetime, flow: Flow) -> SlotMemory:
    """The running slot with the last tick's net added.

    At an edge the slot that ends becomes the one before.
    """
    index = grid.index(at)
    start_s = float(grid.edges_s[index]) if index is not None else float("nan")
    part_s = min(flow.dt_s, at.timestamp() - start_s) if start_s == memory.start_s else flow.dt_s
    grid_kw = flow.net_kw + flow.power_kw
    if np.isnan(grid_kw):
        part_s, grid_kw = 0.0, 0.0
    memory = replace(
        memory,
        net_kwh=memory.net_kwh + grid_kw * part_s / 3600.0,
        elapsed_s=memory.elapsed_s + part_s,
    )
    if start_s == memory.start_s or np.isnan(start_s):
        return memory
    mean_kw = memory.net_kwh * 3600.0 / memory.elapsed_s if memory.elapsed_s > 0 else float("nan")
    return SlotMemory(start_s=start_s, last_mean_kw=mean_kw, served_kw=memory.served_kw)


def slot_now(
    memory: SlotMemory, grid: SlotGrid, at: datetime, tick_s: float, side_weight: float
) -> Slot:
    """Where in its slot the tick is; the grid covers now.

    What of the slot nobody has seen, as before a start, does not count for its mean.
    """
    index = grid.index(at) or 0
    length_s = float(grid.edges_s[index + 1] - grid.edges_s[index])
    left_s = min(max(float(grid.edges_s[index + 1]) - at.timestamp(), tick_s), length_s)
    mean_kw = memory.net_kwh * 3600.0 / memory.elapsed_s if memory.elapsed_s > 0 else 0.0
    return Slot(
        index=index,
        hours_left=left_s / 3600.0,
        part_left=left_s / (left_s + min(memory.elapsed_s, length_s - left_s)),
        mean_so_far_kw=mean_kw,
        before_kw=memory.last_mean_kw,
        side_weight=side_weight,
    )


def booked(ledger: Ledger, flow: Flow, store: Store, capacity_kwh: float, at: datetime) -> Ledger:
    """The ledger after the last tick, against a twin that follows the measured-surplus rule.

    Import beyond the rule's counts as given up, less what the energy held beyond the rule's is
    worth once it is given out: so deferring costs nothing until the storage overflows.

    Args:
        ledger: After the tick before.
        flow: What has flowed since.
        store: With the energy that is held now, and the power that the twin has whatever is held:
            it may have room where the storage is full.
        capacity_kwh: Of both.
        at: Now.
    """
    hours = flow.dt_s / 3600.0
    if np.isnan(flow.net_kw) or np.isnan(flow.power_kw) or hours <= 0 or capacity_kwh <= 0:
        return ledger
    before_kwh = store.energy_kwh - float(store.gain_kwh(np.array(flow.power_kw), hours))
    held_kwh = min(max(before_kwh + ledger.ahead_kwh, 0.0), capacity_kwh)
    most_kw = min(store.hi_kw, (capacity_kwh - held_kwh) / (store.eta_charge * hours))
    least_kw = max(store.lo_kw, -held_kwh * store.eta_discharge / hours)
    rule_kw = min(max(-flow.net_kw, min(least_kw, 0.0)), max(most_kw, 0.0))
    gains = store.gain_kwh(np.array([rule_kw, flow.power_kw]), hours)
    ahead_kwh = float(gains[0] - gains[1])
    taken = max(flow.net_kw + flow.power_kw, 0.0) * hours
    by_rule = max(flow.net_kw + rule_kw, 0.0) * hours
    return Ledger(
        days=_with_day(
            ledger.days,
            int(at.timestamp() // 86400),
            taken - by_rule + store.eta_discharge * ahead_kwh,
            taken,
        ),
        ahead_kwh=ledger.ahead_kwh + ahead_kwh,
    )


def _with_day(
    days: tuple[LedgerDay, ...], day: int, given_up_kwh: float, import_kwh: float
) -> tuple[LedgerDay, ...]:
    if days and days[-1].day == day:
        before, today = days[:-1], days[-1]
    else:
        before, today = tuple(d for d in days if day - DAYS < d.day < day), LedgerDay(day=day)
    added = replace(
        today,
        given_up_kwh=today.given_up_kwh + given_up_kwh,
        import_kwh=today.import_kwh + import_kwh,
    )
    return (*before, added)


def side_weight(ledger: Ledger, allowance: float, least_import_kwh: float) -> float:
    """1 while peak, flattening and ramp are inside their allowance of local use, else 0.

    Args:
        ledger: The last year's days.
        allowance: Part of the import.
        least_import_kwh: What counts as import while less has been counted, so that the first hours
            are not judged by minutes.
    """
    given_up = sum(day.given_up_kwh for day in ledger.days) - _forgiven_kwh(ledger.days)
    taken = sum(day.import_kwh for day in ledger.days)
    counted = ledger.days[-1].day - ledger.days[0].day + 1 if ledger.days else 1
    foreseen = taken * max(1.0, FORESEEN_DAYS / counted)
    return 1.0 if given_up <= allowance * max(foreseen, least_import_kwh) else 0.0


def _forgiven_kwh(days: tuple[LedgerDay, ...]) -> float:
    old = (day.given_up_kwh for day in days if day.day <= days[-1].day - FORGIVEN_DAYS)
    return max((0.0, *old))
