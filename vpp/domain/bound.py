"""Perfect foresight of one pool: the least import or cost that any controller could reach.

A linear programme over all slots ``t``, batteries ``b`` and cars ``v``, in kW and kWh::

    least    sum_t h * price_t * import_t - credit * sum_b eta_d_b * (E_b,T - E_b,0)
    where    import_t >= net_t + sum_b (charge_bt - discharge_bt) + sum_v car_vt
             E_b,t+1 = E_b,t + h * (eta_c_b * charge_bt - discharge_bt / eta_d_b)
             sum_t h * car_vt = need_v
             0 <= charge_bt <= charge_kw_b, 0 <= discharge_bt <= discharge_kw_b
             low_b <= E_bt <= high_b, 0 <= car_vt <= most_vt

Batteries that differ only in size are merged, which changes nothing.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from vpp.domain.arrays import Floats, Ints
from vpp.domain.errors import PlannerFailed
from vpp.domain.rules import Storage

EARLY = 1e-6
"""Worth of importing a kWh one slot later: of equal runs the one that serves deficits early."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stays:
    """Cars at their chargers: a pair for each slot in which one is there, shape (pairs,) each."""

    car: Ints
    slot: Ints
    most_kw: Floats
    """Mean of the slot."""
    need_kwh: Floats
    """What charger and stay can give of what each wants, shape (cars,)."""


NOBODY = Stays(
    car=np.zeros(0, np.int64), slot=np.zeros(0, np.int64), most_kw=np.zeros(0), need_kwh=np.zeros(0)
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Goal:
    """What is to be least."""

    net_kw: Floats
    """Of the pool without its batteries and these cars, shape (slots,)."""
    per_kwh: Floats
    """Weight of an imported kWh, shape (slots,)."""
    credit: float
    """Weight of a kWh left at the end, at the AC side."""
    early: float = 0.0
    """Worth of importing a kWh one slot later."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Best:
    """What perfect foresight does; positive is into the asset."""

    battery_kw: Floats
    """Shape (batteries, slots)."""
    stored_kwh: Floats
    """At the slots' edges, shape (batteries, slots + 1)."""
    car_kw: Floats
    """In the order of the pairs of the stays."""


def best(
    storage: Storage, start_kwh: Floats, goal: Goal, hours: float, stays: Stays = NOBODY
) -> Best:
    """The best that batteries and cars of one pool could do.

    Args:
        storage: The batteries.
        start_kwh: Stored energy at the start, shape (batteries,).
        goal: What is to be least.
        hours: Length of a slot.
        stays: The cars.

    Raises:
        PlannerFailed: the programme was not solved.
    """
    kind, size = _alike(storage, start_kwh)
    merged = _merged(storage, start_kwh, kind)
    power, stored, car_kw = _solve(*merged, goal, hours, stays)
    return Best(
        battery_kw=power[kind] * size[:, None],
        stored_kwh=storage.low_kwh[:, None] + stored[kind] * size[:, None],
        car_kw=car_kw,
    )


def _alike(storage: Storage, start_kwh: Floats) -> tuple[Ints, Floats]:
    """Kind of each battery, alike but for size, and its part of all batteries of its kind."""
    room = storage.high_kwh - storage.low_kwh
    features = np.column_stack(
        [
            storage.charge_kw / room,
            storage.discharge_kw / room,
            storage.eta_charge,
            storage.eta_discharge,
            (start_kwh - storage.low_kwh) / room,
        ]
    )
    _, kind = np.unique(features.round(9), axis=0, return_inverse=True)
    kind = np.asarray(kind, dtype=np.int64).reshape(-1)
    return kind, room / np.bincount(kind, weights=room)[kind]


def _merged(storage: Storage, start_kwh: Floats, kind: Ints) -> tuple[Storage, Floats]:
    """One battery of each kind, its window counted from 0, and its stored energy at the start."""
    first = np.unique(kind, return_index=True)[1]

    def total(column: Floats) -> Floats:
        return np.bincount(kind, weights=column).astype(np.float64)

    merged = Storage(
        site=storage.site[first],
        low_kwh=np.zeros(len(first)),
        high_kwh=total(storage.high_kwh - storage.low_kwh),
        charge_kw=total(storage.charge_kw),
        discharge_kw=total(storage.discharge_kw),
        eta_charge=storage.eta_charge[first],
        eta_discharge=storage.eta_discharge[first],
    )
    return merged, total(start_kwh - storage.low_kwh)


def _solve(
    storage: Storage, start_kwh: Floats, goal: Goal, hours: float, stays: Stays
) -> tuple[Floats, Floats, Floats]:
    """Columns are charge, discharge and energy at slot ends of each battery, import, and cars."""
    units, slots, pairs = len(storage), len(goal.net_kw), len(stays.car)
    size = units * slots
    held = np.zeros((units, slots))
    held[:, -1] = goal.credit * storage.eta_discharge
    early = hours * (goal.per_kwh + goal.early * np.arange(slots, 0, -1))
    most = [storage.charge_kw, storage.discharge_kw, storage.high_kwh]
    upper = [*(np.repeat(column, slots) for column in most), np.full(slots, np.inf), stays.most_kw]
    before = np.zeros((units, slots))
    before[:, 0] = start_kwh
    rows = [
        LinearConstraint(
            _wide(stored_rows(storage, slots, hours), pairs), before.ravel(), before.ravel()
        ),
        LinearConstraint(_boundary_rows(units, stays, slots), goal.net_kw, np.inf),
    ]
    if pairs:
        served = _served_rows(stays, 3 * size + slots, hours)
        rows.append(LinearConstraint(served, stays.need_kwh, stays.need_kwh))
    found = milp(
        np.concatenate([np.zeros(2 * size), -held.ravel(), early, np.zeros(pairs)]),
        constraints=rows,
        bounds=Bounds(0.0, np.concatenate(upper)),
    )
    if found.status != 0:
        raise PlannerFailed(f"no bound: {found.message}")
    power = (found.x[:size] - found.x[size : 2 * size]).reshape(units, slots)
    car_kw = np.clip(found.x[3 * size + slots :], 0.0, stays.most_kw)
    return *_replay(storage, start_kwh, power, hours), car_kw


def _wide(rows: sparse.csc_array, pairs: int) -> sparse.csc_array:
    return sparse.csc_array(sparse.hstack([rows, sparse.csc_array((rows.shape[0], pairs))]))


def stored_rows(storage: Storage, slots: int, hours: float) -> sparse.csc_array:
    """``E_t - E_t-1 - h * (eta_c * charge - discharge / eta_d)``; a row per battery and slot."""
    units = len(storage)
    eye = sparse.eye_array(slots)
    step = sparse.diags_array([1.0, -1.0], offsets=[0, -1], shape=(slots, slots))
    blocks = [
        sparse.kron(sparse.diags_array(-storage.eta_charge * hours), eye),
        sparse.kron(sparse.diags_array(hours / storage.eta_discharge), eye),
        sparse.kron(sparse.eye_array(units), step),
        sparse.csc_array((units * slots, slots)),
    ]
    return sparse.csc_array(sparse.hstack(blocks))


def _boundary_rows(units: int, stays: Stays, slots: int) -> sparse.csc_array:
    """``import - sum(charge) + sum(discharge) - sum(cars)``; a row per slot."""
    each = sparse.kron(np.ones((1, units)), sparse.eye_array(slots))
    empty = sparse.csc_array((slots, units * slots))
    pairs = np.arange(len(stays.car))
    cars = sparse.csc_array((-np.ones(len(pairs)), (stays.slot, pairs)), (slots, len(pairs)))
    blocks = [-each, each, empty, sparse.eye_array(slots), cars]
    return sparse.csc_array(sparse.hstack(blocks))


def _served_rows(stays: Stays, before: int, hours: float) -> sparse.csc_array:
    """``sum(h * car)``, behind so many other columns; a row per car."""
    pairs, cars = np.arange(len(stays.car)), len(stays.need_kwh)
    given = sparse.csc_array((np.full(len(pairs), hours), (stays.car, pairs)), (cars, len(pairs)))
    return sparse.csc_array(sparse.hstack([sparse.csc_array((cars, before)), given]))


def _replay(
    storage: Storage, start_kwh: Floats, wanted_kw: Floats, hours: float
) -> tuple[Floats, Floats]:
    """What batteries do that are told these powers and never charge and discharge at once."""
    power = np.zeros_like(wanted_kw)
    stored = np.repeat(start_kwh[:, None], wanted_kw.shape[1] + 1, axis=1)
    for slot in range(wanted_kw.shape[1]):
        fill, empty = storage.fill_kwh(stored[:, slot]), storage.empty_kwh(stored[:, slot])
        power[:, slot] = np.clip(wanted_kw[:, slot], -empty / hours, fill / hours)
        stored[:, slot + 1] = storage.after(stored[:, slot], power[:, slot], hours)
    return power, stored
