"""A rule controller run over recorded data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpp.backtest.data import Recording, Session
from vpp.domain.arrays import Bools, Floats, Ints, frozen
from vpp.domain.rules import Cars, Charging, Interval, Rule, Storage, on_arrival

_LEAST_KWH = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charged:
    """What each car drew in each slot in which it drew anything, arrays of shape (entries,)."""

    session: Ints
    """Position among the recording's sessions."""
    slot: Ints
    power_kw: Floats
    """Mean of the slot."""


NO_CARS = Charged(session=np.zeros(0, np.int64), slot=np.zeros(0, np.int64), power_kw=np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What a controller did; powers are means of the slots, kW, positive into the asset."""

    name: str
    battery_kw: Floats
    """Shape (batteries, slots)."""
    stored_kwh: Floats
    """At the slots' edges, shape (batteries, slots + 1)."""
    ev_kw: Floats
    """Shape (sites, slots); cars of an unknown site in the first row."""
    charged: Charged = NO_CARS
    """The same by car."""
    curtailed_kw: Floats | None = None
    """Sun that was there and not let in, magnitude, shape (sites, slots); None: none was lost."""
    unserved_kwh: float = 0.0
    """What cars left without."""


def run_rule(
    name: str,
    recording: Recording,
    rule: Rule,
    *,
    charging: Charging = on_arrival,
    pools: Sequence[Sequence[int]] | None = None,
) -> Run:
    """Run a rule over every slot; each pool, a set of site positions, is on its own."""
    everyone = [range(len(recording.sites))]
    parts = [_PoolRun(recording, np.array(pool, dtype=np.int64)) for pool in pools or everyone]
    battery_kw = np.zeros((len(recording.storage), len(recording.grid)))
    stored_kwh = np.zeros((len(recording.storage), len(recording.grid) + 1))
    ev_kw = np.zeros_like(recording.load_kw)
    stored_kwh[:, 0] = recording.start_kwh
    dear, to_dear = dear_times(recording.price_per_kwh, recording.hours, len(recording.grid))
    for part in parts:
        for slot in range(len(recording.grid)):
            cars_kw = part.charge(slot, charging)
            ev_kw[:, slot] += cars_kw
            interval = Interval(
                hours=recording.hours,
                net_kw=part.masked(slot, cars_kw),
                stored_kwh=stored_kwh[part.batteries, slot],
                dear=bool(dear[slot]),
                hours_to_dear=float(to_dear[slot]),
            )
            power = rule(part.storage, interval)
            battery_kw[part.batteries, slot] = power
            stored_kwh[part.batteries, slot + 1] = part.storage.after(
                interval.stored_kwh, power, recording.hours
            )
    return Run(
        name=name,
        battery_kw=frozen(battery_kw),
        stored_kwh=frozen(stored_kwh),
        ev_kw=frozen(ev_kw),
        charged=together([part.charged for part in parts]),
        unserved_kwh=sum(float(part.need_kwh.sum()) for part in parts),
    )


def together(parts: Sequence[Charged]) -> Charged:
    """What the cars of several parts drew."""
    return Charged(
        session=np.concatenate([part.session for part in parts]),
        slot=np.concatenate([part.slot for part in parts]),
        power_kw=np.concatenate([part.power_kw for part in parts]),
    )


class _PoolRun:
    """One pool's batteries and cars."""

    def __init__(self, recording: Recording, sites: Ints) -> None:
        self._net_kw = recording.load_kw - recording.pv_kw
        self._sites = sites
        self.batteries = np.flatnonzero(np.isin(recording.storage.site, sites))
        self.storage: Storage = recording.storage.subset(self.batteries)
        self._edges_s = recording.grid.edges_s
        members = set(sites.tolist())
        here = [at for at, s in enumerate(recording.sessions) if (s.site or 0) in members]
        self._sessions = _Sessions([recording.sessions[at] for at in here], self._edges_s)
        self._positions = np.array(here, dtype=np.int64)
        self._charged: list[Charged] = [NO_CARS]

    @property
    def charged(self) -> Charged:
        return together(self._charged)

    @property
    def need_kwh(self) -> Floats:
        return self._sessions.need_kwh

    def masked(self, slot: int, cars_kw: Floats) -> Floats:
        """Net of each site with its cars; 0 for sites of other pools."""
        net = np.zeros(len(self._net_kw))
        net[self._sites] = self._net_kw[self._sites, slot] + cars_kw[self._sites]
        return net

    def charge(self, slot: int, charging: Charging) -> Floats:
        """Charging power at each site in this slot, the sessions served by it."""
        power = np.zeros(len(self._net_kw))
        present = self._sessions.present(slot)
        if present.any():
            hours = float(self._edges_s[slot + 1] - self._edges_s[slot]) / 3600
            cars = self._sessions.cars(slot, present)
            surplus_kw = max(-float(self._net_kw[self._sites, slot].sum()), 0.0)
            given_kw = charging(cars, surplus_kw, hours)
            self._sessions.need_kwh[present] -= given_kw * hours
            np.add.at(power, self._sessions.site[present], given_kw)
            self._charged.append(
                Charged(
                    session=self._positions[present],
                    slot=np.full(len(given_kw), slot),
                    power_kw=given_kw,
                )
            )
        return power


class _Sessions:
    """Cars as columns."""

    def __init__(self, sessions: Sequence[Session], edges_s: Floats) -> None:
        self._edges_s = edges_s
        self._arrival_s = np.array([session.arrival_s for session in sessions], dtype=float)
        self._departure_s = np.array([session.departure_s for session in sessions], dtype=float)
        self._max_kw = np.array([session.max_kw for session in sessions], dtype=float)
        self.site = np.array([session.site or 0 for session in sessions], dtype=np.int64)
        self.need_kwh = np.array([session.energy_kwh for session in sessions], dtype=float)

    def present(self, slot: int) -> Bools:
        """Which cars are there and still want something."""
        start, end = self._edges_s[slot], self._edges_s[slot + 1]
        there = (self._arrival_s < end) & (self._departure_s > start)
        return np.asarray(there & (self.need_kwh > _LEAST_KWH))

    def cars(self, slot: int, present: Bools) -> Cars:
        start, end = self._edges_s[slot], self._edges_s[slot + 1]
        arrival, departure = self._arrival_s[present], self._departure_s[present]
        kw_per_s = self._max_kw[present] / 3600
        now_s = np.minimum(departure, end) - np.maximum(arrival, start)
        return Cars(
            need_kwh=self.need_kwh[present],
            now_kwh=now_s * kw_per_s,
            later_kwh=np.maximum(departure - end, 0.0) * kw_per_s,
        )


def dear_times(price: Floats | None, hours: float, slots: int) -> tuple[Bools, Floats]:
    """Which slots are dear, and the hours from each slot's start to the next dear one.

    Dear is the highest price of 24 hours, counted from the first slot, unless all are the same.
    """
    if price is None:
        return np.zeros(slots, dtype=bool), np.full(slots, np.inf)
    day = max(round(24 / hours), 1)
    dear = np.zeros(slots, dtype=bool)
    for start in range(0, slots, day):
        part = price[start : start + day]
        dear[start : start + day] = (part == part.max()) & (part > part.min())
    waits = np.full(slots, np.inf)
    wait = np.inf
    for slot in reversed(range(slots)):
        wait = 0.0 if dear[slot] else wait + hours
        waits[slot] = wait
    return dear, waits
