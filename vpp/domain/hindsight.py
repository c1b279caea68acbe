"""The least that a stretch of time which is over could have cost, by what was measured of it.

A linear programme over the measured slots ``t`` and batteries ``b``, in kW and kWh::

    least    sum_t h * (price_t * import_t - export_price_t * export_t)
             - credit * sum_b eta_d_b * (E_b,T - E_b,0)
    where    import_t - export_t = rest_t + sum_b (charge_bt - discharge_bt)
             E_b,t = E_b,t-1 + h * (eta_c_b * charge_bt - discharge_bt / eta_d_b) + drift_bt
             0 <= charge_bt <= charge_kw_b, 0 <= discharge_bt <= discharge_kw_b
             low_b <= E_bt <= high_b

``drift`` is what the measured stored energy did beside what the measured power says by the stated
efficiencies: self-discharge, a gap in the record, a count that was set right. It happens here as
well, and powers and windows reach as far as was measured. So what was lived is one of the choices,
and nothing measured can be better than what this finds.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from vpp.domain import metrics
from vpp.domain.arrays import Bools, Floats
from vpp.domain.bound import stored_rows
from vpp.domain.errors import PlannerFailed
from vpp.domain.rules import Storage

EAGER = 1e-5
"""Part of the mean price that importing a kWh one slot later is worth to who is eager."""
SOON = 0.1
"""Of that, what a kWh stored for a slot is worth: less, so that nothing is kept from a deficit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lived:
    """What a pool and its batteries did, in slots that may have gaps between them."""

    storage: Storage
    power_kw: Floats
    """Of each battery, shape (batteries, slots)."""
    stored_kwh: Floats
    """At the start of the first slot and the end of each, shape (batteries, slots + 1)."""
    rest_kw: Floats
    """Net of the pool without its batteries, shape (slots,), positive is import."""
    hours: float
    """Length of a slot."""

    @property
    def net_kw(self) -> Floats:
        return np.asarray(self.rest_kw + self.power_kw.sum(axis=0))

    @property
    def drift_kwh(self) -> Floats:
        """Change of stored energy that the power does not explain, shape (batteries, slots)."""
        before = self.stored_kwh[:, :-1].T
        after = self.storage.after(before, self.power_kw.T, self.hours).T
        return np.asarray(self.stored_kwh[:, 1:] - after)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stakes:
    """What counts."""

    import_per_kwh: Floats
    """Shape (slots,)."""
    export_per_kwh: Floats
    """Never above the price of import."""
    credit: float
    """Worth of a kWh left at the end, at the AC side; where it is 0, no battery may end with less
    than was measured."""

    def figure(self, net_kw: Floats, gained_kwh: float, hours: float) -> float:
        """What is to be least, of any course of these slots.

        Args:
            net_kw: Of the pool, shape (slots,).
            gained_kwh: Stored energy gained from start to end, as it is worth at the AC side.
            hours: Length of a slot.
        """
        bought = metrics.energy_cost(net_kw, hours, self.import_per_kwh, self.export_per_kwh)
        return bought - self.credit * gained_kwh


def figure(lived: Lived, stakes: Stakes) -> float:
    """Of what was lived."""
    return stakes.figure(lived.net_kw, gained_kwh(lived.storage, lived.stored_kwh), lived.hours)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Best:
    """What the batteries should have done."""

    figure: float
    power_kw: Floats
    """Shape (batteries, slots)."""


def best(
    lived: Lived, stakes: Stakes, pinned: Bools, within_s: float, *, eager: bool = False
) -> Best:
    """The least figure that the batteries could have reached, and how.

    Args:
        lived: What they did.
        stakes: What counts.
        pinned: Where there was no choice: they do what they did, shape (batteries, slots).
        within_s: Longest search.
        eager: Of courses that are worth the same, one that serves deficits early and stores early;
            its figure is a trifle above the least.

    Raises:
        PlannerFailed: not found, or not in time.
    """
    units, slots = lived.power_kw.shape
    if not units:
        return Best(figure=figure(lived, stakes), power_kw=lived.power_kw)
    size = units * slots
    before = lived.drift_kwh
    before[:, 0] += lived.stored_kwh[:, 0]
    paid, earned = stakes.import_per_kwh * lived.hours, stakes.export_per_kwh * lived.hours
    held = np.zeros((units, slots))
    held[:, -1] = stakes.credit * lived.storage.eta_discharge
    if eager:
        trifle = EAGER * float(np.abs(stakes.import_per_kwh).mean())
        paid = paid + trifle * lived.hours * np.arange(slots, 0, -1)
        held += SOON * trifle
    found = milp(
        np.concatenate([np.zeros(2 * size), -held.ravel(), paid, -earned]),
        constraints=[
            LinearConstraint(_stored_rows(lived), before.ravel(), before.ravel()),
            LinearConstraint(_boundary_rows(units, slots), lived.rest_kw, lived.rest_kw),
        ],
        bounds=_bounds(lived, pinned, free_end=stakes.credit > 0),
        options={"time_limit": within_s},
    )
    if found.status != 0:
        raise PlannerFailed(f"no hindsight: {found.message}")
    began = stakes.credit * float(lived.storage.eta_discharge @ lived.stored_kwh[:, 0])
    power_kw = np.asarray(found.x[:size] - found.x[size : 2 * size]).reshape(units, slots)
    return Best(figure=float(found.fun) + began, power_kw=power_kw)


def _bounds(lived: Lived, pinned: Bools, *, free_end: bool) -> Bounds:
    """Columns are charge, discharge and energy of each battery, import and export."""
    slots, storage = len(lived.rest_kw), lived.storage
    took, gave = np.maximum(lived.power_kw, 0.0), np.maximum(-lived.power_kw, 0.0)
    least = [np.where(pinned, kw, 0.0) for kw in (took, gave)]
    most = [
        np.where(pinned, kw, np.maximum(rated_kw, kw.max(axis=1))[:, None])
        for kw, rated_kw in ((took, storage.charge_kw), (gave, storage.discharge_kw))
    ]
    low_kwh = np.minimum(storage.low_kwh, lived.stored_kwh.min(axis=1))
    high_kwh = np.maximum(storage.high_kwh, lived.stored_kwh.max(axis=1))
    least.append(np.repeat(low_kwh[:, None], slots, axis=1))
    most.append(np.repeat(high_kwh[:, None], slots, axis=1))
    if not free_end:
        least[-1][:, -1] = lived.stored_kwh[:, -1]
    flows = np.zeros(2 * slots)
    return Bounds(
        np.concatenate([*(kw.ravel() for kw in least), flows]),
        np.concatenate([*(kw.ravel() for kw in most), flows + np.inf]),
    )


def _stored_rows(lived: Lived) -> sparse.csc_array:
    slots = len(lived.rest_kw)
    rows = stored_rows(lived.storage, slots, lived.hours)
    return sparse.csc_array(sparse.hstack([rows, sparse.csc_array((rows.shape[0], slots))]))


def _boundary_rows(units: int, slots: int) -> sparse.csc_array:
    """``import - export - sum(charge) + sum(discharge)``; a row per slot."""
    eye = sparse.eye_array(slots)
    each = sparse.kron(np.ones((1, units)), eye)
    empty = sparse.csc_array((slots, units * slots))
    return sparse.csc_array(sparse.hstack([-each, each, empty, eye, -eye]))


def kept_to_plan(
    lived: Lived, stakes: Stakes, plan_kw: Floats, foreseen_kw: Floats, pinned: Bools
) -> float:
    """Figure of a plan that is kept, with batteries that take what comes otherwise than foreseen.

    More import than planned they serve, more export they store, and neither do they import to
    store nor give out to export beyond the plan. Stored energy that they end without, where the
    end is not credited, is bought at the mean price.

    Args:
        lived: What was measured.
        stakes: What counts.
        plan_kw: Power of each battery, made for the foreseen net, shape (batteries, slots).
        foreseen_kw: Net without batteries that it was made for, shape (slots,).
        pinned: Where batteries do what they did, shape (batteries, slots).
    """
    storage, hours, drift_kwh = lived.storage, lived.hours, lived.drift_kwh
    power_kw, stored_kwh = np.array(lived.power_kw), np.array(lived.stored_kwh)
    planned_kw = foreseen_kw + plan_kw.sum(axis=0)
    for slot, rest_kw in enumerate(lived.rest_kw):
        held_kwh, stuck = stored_kwh[:, slot], pinned[:, slot]
        most = np.minimum(storage.charge_kw, storage.fill_kwh(held_kwh) / hours)
        least = -np.minimum(storage.discharge_kw, storage.empty_kwh(held_kwh) / hours)
        did = np.clip(plan_kw[:, slot], least, most)
        did = np.where(stuck, lived.power_kw[:, slot], did)
        net_kw, asked_kw = float(rest_kw + did.sum()), float(planned_kw[slot])
        short_kw = min(max(net_kw, min(asked_kw, 0.0)), max(asked_kw, 0.0)) - net_kw
        room = np.where(stuck, 0.0, most - did if short_kw > 0 else did - least)
        part = min(abs(short_kw) / max(float(room.sum()), 1e-9), 1.0)
        power_kw[:, slot] = did + np.sign(short_kw) * part * room
        after_kwh = storage.after(held_kwh, power_kw[:, slot], hours)
        stored_kwh[:, slot + 1] = after_kwh + drift_kwh[:, slot]
    nets_kw = np.asarray(lived.rest_kw + power_kw.sum(axis=0))
    reached = stakes.figure(nets_kw, gained_kwh(storage, stored_kwh), hours)
    if stakes.credit > 0:
        return reached
    lacks = np.maximum(lived.stored_kwh[:, -1] - stored_kwh[:, -1], 0.0)
    return reached + float(stakes.import_per_kwh.mean() * (lacks / storage.eta_charge).sum())


def gained_kwh(storage: Storage, stored_kwh: Floats) -> float:
    """Stored energy gained from the first to the last edge, as it is worth at the AC side."""
    return metrics.stored_credit_kwh(stored_kwh[:, 0], stored_kwh[:, -1], storage.eta_discharge)
