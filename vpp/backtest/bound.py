"""Perfect foresight: the least import or cost that any controller of the batteries could reach.

A linear programme per pool over all slots ``t`` and batteries ``b``, in kW and kWh::

    least    sum_t h * price_t * import_t - credit * sum_b eta_d_b * (E_b,T - E_b,0)
    where    import_t >= net_t + sum_b (charge_bt - discharge_bt)
             E_b,t+1 = E_b,t + h * (eta_c_b * charge_bt - discharge_bt / eta_d_b)
             0 <= charge_bt <= charge_kw_b, 0 <= discharge_bt <= discharge_kw_b
             low_b <= E_bt <= high_b

For the least import the price is one and energy left is credited, for the least cost it is not.
Cars charge as given. Batteries that differ only in size are merged, which changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run
from vpp.domain.arrays import Floats, Ints, frozen
from vpp.domain.errors import InvariantError, PlannerFailed
from vpp.domain.rules import Storage

_EARLY = 1e-6
"""Worth of importing a kWh one slot later: of equal runs the one that serves deficits early."""


def least_import(
    recording: Recording,
    ev_kw: Floats,
    *,
    pools: Sequence[Sequence[int]] | None = None,
) -> Run:
    """The run of least import, with cars charging at ``ev_kw``, shape (sites, slots)."""
    return _least(recording, ev_kw, pools, np.ones(len(recording.grid)), local=True)


def least_cost(
    recording: Recording,
    ev_kw: Floats,
    *,
    pools: Sequence[Sequence[int]] | None = None,
) -> Run:
    """The run of least cost of imported energy, which ends with whatever is left worth nothing."""
    if recording.price_per_kwh is None:
        raise InvariantError("no least cost without prices")
    return _least(recording, ev_kw, pools, recording.price_per_kwh, local=False)


def _least(
    recording: Recording,
    ev_kw: Floats,
    pools: Sequence[Sequence[int]] | None,
    per_kwh: Floats,
    *,
    local: bool,
) -> Run:
    net_kw = recording.load_kw - recording.pv_kw + ev_kw
    slots = len(recording.grid)
    battery_kw = np.zeros((len(recording.storage), slots))
    stored_kwh = np.repeat(recording.start_kwh[:, None], slots + 1, axis=1)
    for pool in pools or [range(len(recording.sites))]:
        sites = np.array(pool, dtype=np.int64)
        members = np.flatnonzero(np.isin(recording.storage.site, sites))
        if len(members):
            power, stored = _pool(
                recording.storage.subset(members),
                recording.start_kwh[members],
                Goal(
                    net_kw=net_kw[sites].sum(axis=0),
                    per_kwh=per_kwh,
                    credit=float(local),
                    early=_EARLY * local,
                ),
                recording.hours,
            )
            battery_kw[members], stored_kwh[members] = power, stored
    return Run(
        name="perfect foresight",
        battery_kw=frozen(battery_kw),
        stored_kwh=frozen(stored_kwh),
        ev_kw=frozen(ev_kw),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Goal:
    """What is to be least."""

    net_kw: Floats
    """Of the pool without its batteries, shape (slots,)."""
    per_kwh: Floats
    """Weight of an imported kWh, shape (slots,)."""
    credit: float
    """Weight of a kWh left at the end, at the AC side."""
    early: float
    """Worth of importing a kWh one slot later."""


def _pool(storage: Storage, start_kwh: Floats, goal: Goal, hours: float) -> tuple[Floats, Floats]:
    """Power (batteries, slots) and stored energy (batteries, slots + 1) of one pool's batteries."""
    kind, size = _alike(storage, start_kwh)
    power, stored = _solve(*_merged(storage, start_kwh, kind), goal, hours)
    return power[kind] * size[:, None], storage.low_kwh[:, None] + stored[kind] * size[:, None]


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


def _solve(storage: Storage, start_kwh: Floats, goal: Goal, hours: float) -> tuple[Floats, Floats]:
    """Columns are charge, discharge and energy at slot ends of each battery, then import."""
    units, slots = len(storage), len(goal.net_kw)
    size = units * slots
    held = np.zeros((units, slots))
    held[:, -1] = goal.credit * storage.eta_discharge
    early = hours * (goal.per_kwh + goal.early * np.arange(slots, 0, -1))
    most = [storage.charge_kw, storage.discharge_kw, storage.high_kwh]
    upper = np.concatenate([*(np.repeat(column, slots) for column in most), np.full(slots, np.inf)])
    before = np.zeros((units, slots))
    before[:, 0] = start_kwh
    found = milp(
        np.concatenate([np.zeros(2 * size), -held.ravel(), early]),
        constraints=[
            LinearConstraint(_stored_rows(storage, slots, hours), before.ravel(), before.ravel()),
            LinearConstraint(_boundary_rows(units, slots), goal.net_kw, np.inf),
        ],
        bounds=Bounds(0.0, upper),
    )
    if found.status != 0:
        raise PlannerFailed(f"no bound: {found.message}")
    power = (found.x[:size] - found.x[size : 2 * size]).reshape(units, slots)
    return _replay(storage, start_kwh, power, hours)


def _stored_rows(storage: Storage, slots: int, hours: float) -> sparse.csc_array:
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


def _boundary_rows(units: int, slots: int) -> sparse.csc_array:
    """``import - sum(charge) + sum(discharge)``; a row per slot."""
    each = sparse.kron(np.ones((1, units)), sparse.eye_array(slots))
    empty = sparse.csc_array((slots, units * slots))
    return sparse.csc_array(sparse.hstack([-each, each, empty, sparse.eye_array(slots)]))


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
