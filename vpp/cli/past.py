"""A recording as history, so that forecasts have a yesterday."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.backtest.data import Recording, Session
from vpp.control.weather_keeping import SUBJECT, lead_subject
from vpp.domain.arrays import Floats
from vpp.domain.assets import Load, Pv
from vpp.domain.errors import StoreUnavailable
from vpp.domain.history import Mean
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.weather import HOUR_S, LEADS_H, WEATHER, full_hour


def past_means(recording: Recording, portfolio: Portfolio) -> list[Mean]:
    """Slot means of every load, PV plant and charger of the portfolio that the recording covers.

    A site's load is split by the size of its load assets, its PV by that of its plants; cars
    charge on arrival.
    """
    starts, step_s = recording.grid.starts, recording.hours * 3600.0
    return [
        Mean(
            subject=subject,
            quantity=quantity,
            start=start,
            step_s=step_s,
            value=float(value),
            coverage=1.0,
        )
        for subject, quantity, values in _columns(recording, portfolio)
        for start, value in zip(starts, values, strict=True)
    ]


class RecordedHistory:
    """``vpp.ports.store.History`` over a recording, to be read only."""

    def __init__(self, recording: Recording, portfolio: Portfolio) -> None:
        self._edges_s, self._weather = recording.grid.edges_s, _weather_rows(recording)
        self._columns = {
            (subject, quantity): values
            for subject, quantity, values in _columns(recording, portfolio)
        }

    async def append(self, means: Sequence[Mean]) -> None:
        raise StoreUnavailable("a recording is not written to")

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        """Slots shorter than the recording's take its means."""
        if (row := self._weather.get((subject, quantity))) is not None:
            return row.between(start, end)
        middles_s = np.arange(start.timestamp(), end.timestamp(), step_s) + step_s / 2.0
        slot = np.searchsorted(self._edges_s, middles_s, side="right") - 1
        values = self._columns.get((subject, quantity))
        known = (slot >= 0) & (slot < len(self._edges_s) - 1)
        if values is None:
            return np.full(len(slot), np.nan)
        return np.where(known, values[np.where(known, slot, 0)], np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Hours:
    """Means of hours in a row."""

    start_s: float
    values: Floats

    def between(self, start: datetime, end: datetime) -> Floats:
        hour = np.arange(round((end - start).total_seconds() / HOUR_S))
        hour += round((start.timestamp() - self.start_s) / HOUR_S)
        known = (hour >= 0) & (hour < len(self.values))
        return np.where(known, self.values[np.where(known, hour, 0)], np.nan)


def _weather_rows(recording: Recording) -> Mapping[tuple[str, Quantity], _Hours]:
    """The weather as it was known at the recording's end, by the names that it has in a history."""
    weather = recording.weather
    if weather is None:
        return {}
    start_s, end_s = weather.start.timestamp(), float(recording.grid.edges_s[-1])
    hours = weather.values[Quantity.AIR_C].shape[1]
    times_s = start_s + HOUR_S * np.arange(hours, dtype=np.float64)
    since_h = np.maximum(times_s - end_s, 0.0) / HOUR_S
    rows = {
        (lead_subject(lead_h), quantity): _Hours(
            start_s=start_s,
            values=weather.known(quantity, times_s, np.maximum(since_h, float(lead_h))),
        )
        for lead_h in LEADS_H
        for quantity in WEATHER
    }
    coming = rows[lead_subject(0), Quantity.AIR_C].values[times_s >= end_s]
    if np.isfinite(coming).any():
        now = full_hour(recording.grid.end).timestamp()
        rows[SUBJECT, Quantity.ISSUED_S] = _Hours(start_s=now, values=np.array([end_s]))
    return rows


def _columns(recording: Recording, portfolio: Portfolio) -> Iterator[tuple[str, Quantity, Floats]]:
    at = {site: i for i, site in enumerate(recording.sites)}
    loads, plants = _sizes(portfolio, Load), _sizes(portfolio, Pv)
    for asset in portfolio.assets.values():
        row = at.get(asset.site)
        if row is None:
            continue
        if isinstance(asset, Load):
            part = asset.max_kw / loads[asset.site]
            yield asset.id, Quantity.POWER_KW, recording.load_kw[row] * part
        elif isinstance(asset, Pv):
            part = asset.peak_kw / plants[asset.site]
            yield asset.id, Quantity.AVAILABLE_KW, recording.pv_kw[row] * part
    for charger in {session.charger for session in recording.sessions} & portfolio.assets.keys():
        own = [session for session in recording.sessions if session.charger == charger]
        yield charger, Quantity.POWER_KW, _on_arrival(own, recording.grid.edges_s)


def _sizes(portfolio: Portfolio, kind: type[Load] | type[Pv]) -> Mapping[str, float]:
    sizes: dict[str, float] = {}
    for asset in portfolio.assets.values():
        if isinstance(asset, kind):
            size = asset.max_kw if isinstance(asset, Load) else asset.peak_kw
            sizes[asset.site] = sizes.get(asset.site, 0.0) + size
    return sizes


def _on_arrival(sessions: list[Session], edges_s: Floats) -> Floats:
    """Mean power of these sessions per slot, each at full power until it is served or leaves."""
    power_kw = np.zeros(len(edges_s) - 1)
    for session in sessions:
        done_s = session.arrival_s + session.energy_kwh / session.max_kw * 3600.0
        end_s = min(done_s, session.departure_s)
        overlap_s = np.minimum(edges_s[1:], end_s) - np.maximum(edges_s[:-1], session.arrival_s)
        power_kw += session.max_kw * np.maximum(overlap_s, 0.0) / np.diff(edges_s)
    return power_kw
