"""The rule controllers that everything else is measured against: pure functions of one interval.

They know nothing but the interval itself: no forecast, no history. Powers are means over the
interval in kW, positive into the asset; ``net_kw`` is a site's residual without its batteries,
positive where the site lacks energy. No rule lets one battery feed another within its pool (each
site is one for ``inverter``), and none leaves a battery's window.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats, Ints
from vpp.domain.assets import Battery


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Storage:
    """The batteries of one pool, every array of shape (batteries,)."""

    site: Ints
    """Position of each battery's site."""
    low_kwh: Floats
    high_kwh: Floats
    """Stored energy that may be used lies between these two."""
    charge_kw: Floats
    discharge_kw: Floats
    eta_charge: Floats
    eta_discharge: Floats

    @classmethod
    def of(cls, batteries: Sequence[Battery], sites: Sequence[int]) -> "Storage":
        """Batteries of a portfolio, with the position of the site of each."""

        def column(name: str) -> Floats:
            return np.array([getattr(battery, name) for battery in batteries], dtype=float)

        capacity = column("capacity_kwh")
        return cls(
            site=np.array(sites, dtype=np.int64),
            low_kwh=column("floor_soc") * capacity,
            high_kwh=column("soc_max") * capacity,
            charge_kw=column("charge_kw"),
            discharge_kw=column("discharge_kw"),
            eta_charge=column("eta_charge"),
            eta_discharge=column("eta_discharge"),
        )

    def __len__(self) -> int:
        return len(self.site)

    @property
    def shared_sites(self) -> Ints:
        """Sites with more than one battery."""
        sites, batteries = np.unique(self.site, return_counts=True)
        return sites[batteries > 1]

    def subset(self, chosen: Ints) -> "Storage":
        """The batteries at these positions."""
        return Storage(
            site=self.site[chosen],
            low_kwh=self.low_kwh[chosen],
            high_kwh=self.high_kwh[chosen],
            charge_kw=self.charge_kw[chosen],
            discharge_kw=self.discharge_kw[chosen],
            eta_charge=self.eta_charge[chosen],
            eta_discharge=self.eta_discharge[chosen],
        )

    def fill_kwh(self, stored_kwh: Floats) -> Floats:
        """Energy at the AC side that each battery can still take in."""
        return np.maximum(self.high_kwh - stored_kwh, 0.0) / self.eta_charge

    def empty_kwh(self, stored_kwh: Floats) -> Floats:
        """Energy at the AC side that each battery can still give out."""
        return np.maximum(stored_kwh - self.low_kwh, 0.0) * self.eta_discharge

    def after(self, stored_kwh: Floats, power_kw: Floats, hours: float) -> Floats:
        """Stored energy at the interval's end."""
        gained = self.eta_charge * np.maximum(power_kw, 0.0)
        lost = np.maximum(-power_kw, 0.0) / self.eta_discharge
        return stored_kwh + (gained - lost) * hours


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interval:
    """What a rule is told about one interval."""

    hours: float
    net_kw: Floats
    """Residual of each site, shape (sites,)."""
    stored_kwh: Floats
    """At the start, shape (batteries,)."""
    dear: bool = False
    """Whether imported energy is dear now, by the published tariff."""
    hours_to_dear: float = float("inf")
    """From the interval's start to the next one in which it is."""


Rule = Callable[[Storage, Interval], Floats]
"""Power of each battery over the interval, shape (batteries,)."""


def no_control(storage: Storage, interval: Interval) -> Floats:
    """Batteries stand still."""
    return np.zeros(len(storage))


def inverter(storage: Storage, interval: Interval) -> Floats:
    """Each site's batteries follow the site's own meter, as inverters do by themselves."""
    net_kw = interval.net_kw[storage.site]
    most_kw = np.where(
        net_kw < 0,
        np.minimum(storage.charge_kw, storage.fill_kwh(interval.stored_kwh) / interval.hours),
        np.minimum(storage.discharge_kw, storage.empty_kwh(interval.stored_kwh) / interval.hours),
    )
    power = -np.sign(net_kw) * np.minimum(np.abs(net_kw), most_kw)
    for site in storage.shared_sites:
        at_site = np.flatnonzero(storage.site == site)
        power[at_site] = _serve(
            storage.subset(at_site),
            interval.stored_kwh[at_site],
            float(interval.net_kw[site]),
            interval.hours,
        )
    return power


def community(storage: Storage, interval: Interval) -> Floats:
    """All batteries follow the pool's net: surplus is stored, deficit served, by hours left."""
    return _serve(storage, interval.stored_kwh, float(interval.net_kw.sum()), interval.hours)


def tariff_timer(storage: Storage, interval: Interval, fill_hours: float = 3.0) -> Floats:
    """The community rule with an eye on the clock of the tariff.

    In the last ``fill_hours`` before dear hours nothing is given out, and the batteries are filled
    evenly from the grid, or faster where there is surplus.
    """
    if interval.dear or interval.hours_to_dear > fill_hours:
        return community(storage, interval)
    room_kwh = float(storage.fill_kwh(interval.stored_kwh).sum())
    wanted_kw = max(-float(interval.net_kw.sum()), room_kwh / interval.hours_to_dear)
    return _serve(storage, interval.stored_kwh, -wanted_kw, interval.hours)


def _serve(storage: Storage, stored_kwh: Floats, net_kw: float, hours: float) -> Floats:
    """Store a surplus (negative net) or serve a deficit as far as the batteries can."""
    if net_kw < 0:
        left_kwh, power_kw, sign = storage.fill_kwh(stored_kwh), storage.charge_kw, 1.0
    else:
        left_kwh, power_kw, sign = storage.empty_kwh(stored_kwh), storage.discharge_kw, -1.0
    return sign * share_by_hours_left(left_kwh, power_kw, abs(net_kw), hours)


def share_by_hours_left(
    left_kwh: Floats, power_kw: Floats, wanted_kw: float, hours: float
) -> Floats:
    """Magnitudes of power, shape (batteries,), that add up to ``wanted_kw`` as far as possible.

    First comes the battery with the most hours left (``left_kwh / power_kw``), then those that it
    has come down to, so that the hours left are levelled from the top. Each gets
    ``clip((hours_left - level) * power / hours, 0, most)`` with one level for all; the sum falls
    piecewise linearly with the level, so that the level is found exactly.
    """
    most_kw = np.minimum(power_kw, left_kwh / hours)
    if wanted_kw <= 0 or not len(most_kw):
        return np.zeros(len(most_kw))
    if wanted_kw >= most_kw.sum():
        return most_kw
    hours_left = left_kwh / power_kw
    levels = np.unique(np.concatenate([hours_left, hours_left - most_kw * hours / power_kw]))

    def shares(level: Floats) -> Floats:
        return np.clip((hours_left - level) * (power_kw / hours), 0.0, most_kw)

    totals = shares(levels[:, None]).sum(axis=1)
    level = np.interp(wanted_kw, totals[::-1], levels[::-1])
    return shares(level)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cars:
    """The cars plugged in during one interval, every array of shape (cars,)."""

    need_kwh: Floats
    """What each still wants before its departure, at the AC side."""
    now_kwh: Floats
    """Most that its charger can give within this interval, as far as it is plugged in."""
    later_kwh: Floats
    """Most that its charger can give after this interval, before its departure."""


Charging = Callable[[Cars, float, float], Floats]
"""``(cars, surplus_kw, hours)`` -> mean power of each car over the interval, kW, shape (cars,)."""


def on_arrival(cars: Cars, surplus_kw: float, hours: float) -> Floats:
    """Every car charges at full power until it has what it wants."""
    return np.minimum(cars.need_kwh, cars.now_kwh) / hours


def surplus_first(cars: Cars, surplus_kw: float, hours: float) -> Floats:
    """Cars take the pool's surplus, and the grid's energy only when they would else leave without.

    Surplus goes first to the car that has the least time to spare.
    """
    most_kwh = np.minimum(cars.need_kwh, cars.now_kwh)
    given_kwh = np.clip(cars.need_kwh - cars.later_kwh, 0.0, most_kwh)
    surplus_kwh = max(surplus_kw * hours - float(given_kwh.sum()), 0.0)
    spare = np.argsort(cars.later_kwh - cars.need_kwh, kind="stable")
    before = np.concatenate([[0.0], np.cumsum((most_kwh - given_kwh)[spare])[:-1]])
    given_kwh[spare] += np.clip(surplus_kwh - before, 0.0, (most_kwh - given_kwh)[spare])
    return np.asarray(given_kwh / hours)
