"""Perfect foresight over a recording: what no controller of its batteries and cars can beat."""

from collections.abc import Sequence

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Charged, Run, together
from vpp.domain.arrays import Floats, Ints, frozen
from vpp.domain.bound import EARLY, Goal, Stays, best
from vpp.domain.errors import InvariantError

NAME = "perfect foresight"


def least_import(recording: Recording, *, pools: Sequence[Sequence[int]] | None = None) -> Run:
    """The run of least import; energy left at the end is credited."""
    return _least(recording, pools, np.ones(len(recording.grid)), local=True)


def least_cost(recording: Recording, *, pools: Sequence[Sequence[int]] | None = None) -> Run:
    """The run of least cost of imported energy, which ends with whatever is left worth nothing."""
    if recording.price_per_kwh is None:
        raise InvariantError("no least cost without prices")
    return _least(recording, pools, recording.price_per_kwh, local=False)


def _least(
    recording: Recording, pools: Sequence[Sequence[int]] | None, per_kwh: Floats, *, local: bool
) -> Run:
    net_kw = recording.load_kw - recording.pv_kw
    slots = len(recording.grid)
    battery_kw = np.zeros((len(recording.storage), slots))
    stored_kwh = np.repeat(recording.start_kwh[:, None], slots + 1, axis=1)
    ev_kw, charged = np.zeros_like(net_kw), list[Charged]()
    home = np.array([session.site or 0 for session in recording.sessions], dtype=np.int64)
    for pool in pools or [range(len(recording.sites))]:
        sites = np.array(pool, dtype=np.int64)
        members = np.flatnonzero(np.isin(recording.storage.site, sites))
        cars = np.flatnonzero(np.isin(home, sites))
        stays = _stays(recording, cars)
        goal = Goal(
            net_kw=net_kw[sites].sum(axis=0),
            per_kwh=per_kwh,
            credit=float(local),
            early=EARLY * local,
        )
        storage = recording.storage.subset(members)
        found = best(storage, recording.start_kwh[members], goal, recording.hours, stays)
        battery_kw[members], stored_kwh[members] = found.battery_kw, found.stored_kwh
        np.add.at(ev_kw, (home[cars[stays.car]], stays.slot), found.car_kw)
        charged.append(
            Charged(session=cars[stays.car], slot=stays.slot, power_kw=frozen(found.car_kw))
        )
    drawn = together(charged)
    given_kwh = float(drawn.power_kw.sum()) * recording.hours
    wanted_kwh = sum(session.energy_kwh for session in recording.sessions)
    return Run(
        name=NAME,
        battery_kw=frozen(battery_kw),
        stored_kwh=frozen(stored_kwh),
        ev_kw=frozen(ev_kw),
        charged=drawn,
        unserved_kwh=max(wanted_kwh - given_kwh, 0.0),
    )


def _stays(recording: Recording, cars: Ints) -> Stays:
    """Where and how much these sessions may charge, each from its arrival to its departure."""
    edges_s = recording.grid.edges_s
    car, slot, most = list[Ints](), list[Ints](), [np.zeros(0)]
    need_kwh = np.zeros(len(cars))
    for at, position in enumerate(cars.tolist()):
        session = recording.sessions[position]
        first = max(int(np.searchsorted(edges_s, session.arrival_s, side="right")) - 1, 0)
        last = min(int(np.searchsorted(edges_s, session.departure_s)), len(recording.grid))
        here = np.arange(first, last, dtype=np.int64)
        there_s = np.minimum(edges_s[here + 1], session.departure_s)
        there_s = there_s - np.maximum(edges_s[here], session.arrival_s)
        most_kw = session.max_kw * np.maximum(there_s, 0.0) / (recording.hours * 3600.0)
        need_kwh[at] = min(session.energy_kwh, float(most_kw.sum()) * recording.hours)
        car.append(np.full(len(here), at, dtype=np.int64))
        slot.append(here)
        most.append(most_kw)
    return Stays(
        car=np.concatenate([np.zeros(0, np.int64), *car]),
        slot=np.concatenate([np.zeros(0, np.int64), *slot]),
        most_kw=np.concatenate(most),
        need_kwh=need_kwh,
    )
