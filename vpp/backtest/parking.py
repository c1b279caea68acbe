"""Cars at the chargers of a setting: who stands where, what each has received and still may draw.

A charger shows one car in a slot. A car that comes in the slot in which another leaves is seen from
the next one on; where it then could no longer receive what it wants, it charges as it arrives and
nobody steers it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from vpp.backtest.data import Recording, Session
from vpp.backtest.rules_run import Charged
from vpp.backtest.setting import Setting
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.ids import AssetId
from vpp.domain.session import EvSession, Provenance

LEAST_KWH = 1e-9
TOLD = {"departure": Provenance.DRIVER, "need_kwh": Provenance.DRIVER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A session that is steered."""

    session: Session
    """From when its charger is free of the one before, to the record's end at most."""
    position: int
    """Among the recording's sessions."""
    charger: int
    """Position among the setting's chargers."""
    first: int
    """Slot in which it is first seen."""
    last: int


def bookings(recording: Recording, setting: Setting) -> tuple[Booking, ...]:
    """Every session that can be steered, in the order of arrival; the others charge on arrival."""
    number = {name: at for at, name in enumerate(setting.chargers)}
    site = {name: setting.portfolio.assets[asset].site for name, asset in setting.chargers.items()}
    edges_s, free = recording.grid.edges_s, [0] * len(number)
    found: list[Booking] = []
    order = sorted(range(len(recording.sessions)), key=lambda at: recording.sessions[at].arrival_s)
    for position in order:
        session = recording.sessions[position]
        if site.get(session.charger) != recording.sites[session.site or 0]:
            continue
        at = number[session.charger]
        leaves_s = min(session.departure_s, float(edges_s[-1]))
        first = max(int(np.searchsorted(edges_s, session.arrival_s, side="right")) - 1, free[at])
        last = int(np.searchsorted(edges_s, leaves_s)) - 1
        if first > last:
            continue
        seen_s = max(session.arrival_s, float(edges_s[first]))
        most_kwh = session.max_kw * (leaves_s - seen_s) / 3600.0
        if seen_s > session.arrival_s and most_kwh < session.energy_kwh:
            continue
        free[at] = last + 1
        found.append(
            Booking(
                session=replace(session, arrival_s=seen_s, departure_s=leaves_s),
                position=position,
                charger=at,
                first=first,
                last=last,
            )
        )
    return tuple(found)


def unsteered(recording: Recording, booked: tuple[Booking, ...]) -> list[int]:
    """Positions of the sessions that charge on arrival."""
    steered = {booking.position for booking in booked}
    return [at for at in range(len(recording.sessions)) if at not in steered]


class Parking:
    """The steered cars, slot after slot."""

    def __init__(self, recording: Recording, setting: Setting, booked: tuple[Booking, ...]) -> None:
        self._recording, self._booked = recording, booked
        self.chargers: tuple[AssetId, ...] = tuple(setting.chargers.values())
        names = [recording.sites.index(setting.portfolio.assets[c].site) for c in self.chargers]
        self.site: Ints = np.array(names, dtype=np.int64)
        """Position of each charger's site."""
        self._at = {asset: at for at, asset in enumerate(self.chargers)}
        slots = len(recording.grid)
        self._shown = np.full((len(self.chargers), slots), -1, dtype=np.int64)
        for number, booking in enumerate(booked):
            self._shown[booking.charger, booking.first : booking.last + 1] = number
        self.given_kwh = np.zeros(len(booked))
        """To each session so far."""
        self.told_kw = np.zeros(len(self.chargers))
        """Most that each car may draw; 0 until the car that is there is told something."""
        self.drawn_kw = np.zeros((len(self.chargers), slots))

    def changed(self, slot: int) -> Bools:
        """At which chargers a car comes or goes as the slot begins, shape (chargers,)."""
        before = self._shown[:, slot - 1] if slot > 0 else np.full(len(self.chargers), -1)
        return np.asarray(self._shown[:, slot] != before)

    def plug(self, slot: int) -> None:
        """Cars come and go: nothing told to the one before counts."""
        self.told_kw = np.where(self.changed(slot), 0.0, self.told_kw)

    def sessions(self, slot: int) -> Mapping[AssetId, EvSession | None]:
        """As their drivers state them on arrival."""
        return {
            asset: None if (number := int(self._shown[at, slot])) < 0 else self._session(number)
            for asset, at in self._at.items()
        }

    def before_kw(self, slot: int) -> Floats:
        """Drawn at each charger in the slot before by the car that is still there."""
        if slot == 0:
            return np.zeros(len(self.chargers))
        return np.where(self.changed(slot), 0.0, self.drawn_kw[:, slot - 1])

    def able_kw(self, slot: int) -> Floats:
        """Most that each charger's car can draw in the mean of the slot; 0 without a car."""
        able = np.zeros(len(self.chargers))
        begin_s, end_s = self._recording.grid.edges_s[slot : slot + 2].tolist()
        for at in np.flatnonzero(self._shown[:, slot] >= 0).tolist():
            number = int(self._shown[at, slot])
            session = self._booked[number].session
            there_s = min(session.departure_s, end_s) - max(session.arrival_s, begin_s)
            left_kwh = max(session.energy_kwh - float(self.given_kwh[number]), 0.0)
            part = max(there_s, 0.0) / (end_s - begin_s)
            able[at] = min(session.max_kw * part, left_kwh / self._recording.hours)
        return able

    def obey(self, charger: AssetId, most_kw: float) -> None:
        self.told_kw[self._at[charger]] = most_kw

    def steers(self, asset: AssetId) -> bool:
        return asset in self._at

    def advance(self, slot: int) -> None:
        """Live through a slot."""
        power_kw = np.clip(self.told_kw, 0.0, self.able_kw(slot))
        there = self._shown[:, slot] >= 0
        self.drawn_kw[there, slot] = power_kw[there]
        self.given_kwh[self._shown[there, slot]] += power_kw[there] * self._recording.hours

    @property
    def unserved_kwh(self) -> float:
        """What cars left without."""
        wanted = np.array([booking.session.energy_kwh for booking in self._booked])
        left = wanted - self.given_kwh
        return float(left[left > LEAST_KWH].sum())

    @property
    def charged(self) -> Charged:
        at, slot = np.nonzero((self._shown >= 0) & (self.drawn_kw > 0))
        positions = np.array([booking.position for booking in self._booked], dtype=np.int64)
        return Charged(
            session=positions[self._shown[at, slot]],
            slot=slot.astype(np.int64),
            power_kw=self.drawn_kw[at, slot],
        )

    def take_up(self, drawn_kw: Floats, told_kw: Floats) -> None:
        """Go on from what was drawn in the slots so far."""
        slots = drawn_kw.shape[1]
        self.drawn_kw[:, :slots], self.told_kw = drawn_kw, told_kw.copy()
        self.given_kwh[:] = 0.0
        shown = self._shown[:, :slots]
        at, slot = np.nonzero(shown >= 0)
        energy = drawn_kw[at, slot] * self._recording.hours
        np.add.at(self.given_kwh, shown[at, slot], energy)

    def _session(self, number: int) -> EvSession:
        booking = self._booked[number]
        session = booking.session
        return EvSession(
            id=session.id,
            asset=self.chargers[booking.charger],
            arrival=datetime.fromtimestamp(session.arrival_s, UTC),
            departure=datetime.fromtimestamp(session.departure_s, UTC),
            need_kwh=session.energy_kwh,
            delivered_kwh=float(self.given_kwh[number]),
            max_kw=session.max_kw,
            provenance=TOLD,
        )
