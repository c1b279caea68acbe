"""What a forecaster is given of a recording: what was before a slot, and nothing after.

Demand and sun of every site, and what was drawn at every charger whose cars are steered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.setting import Setting
from vpp.backtest.weather import as_known
from vpp.control.outlook import MEMORY
from vpp.domain.arrays import Floats, frozen
from vpp.domain.assets import Pv
from vpp.domain.errors import InvariantError
from vpp.domain.forecast import Series
from vpp.domain.ids import SiteId
from vpp.domain.points import Quantity
from vpp.domain.rules import no_control
from vpp.domain.weather import WeatherRecord


def on_arrival_run(recording: Recording, sessions: Sequence[int] | None = None) -> Run:
    """Cars that charge on arrival, and batteries that stand still.

    ``sessions``: positions of those that do, which the charged ones are named by; None: all.
    """
    if sessions is None:
        return run_rule("on arrival", recording, no_control)
    part = replace(recording, sessions=tuple(recording.sessions[at] for at in sessions))
    run = run_rule("on arrival", part, no_control)
    whose = np.array(sessions, dtype=np.int64)[run.charged.session]
    return replace(run, charged=replace(run.charged, session=whose))


def arrivals_kw(recording: Recording) -> Floats:
    """Power of cars that charge on arrival, shape (sites, slots)."""
    return on_arrival_run(recording).ev_kw


def at_chargers_kw(recording: Recording, run: Run, chargers: Sequence[str]) -> Floats:
    """What the cars of a run drew at these chargers, shape (chargers, slots)."""
    number = {name: at for at, name in enumerate(chargers)}
    row = np.array([number.get(session.charger, -1) for session in recording.sessions], np.int64)
    drawn_kw = np.zeros((len(chargers) + 1, len(recording.grid)))
    charged = run.charged
    np.add.at(drawn_kw, (row[charged.session], charged.slot), charged.power_kw)
    return np.asarray(drawn_kw[:-1])


class Given:
    """Series of every site's demand, unsteered cars included, of its sun, and of its chargers."""

    def __init__(
        self,
        recording: Recording,
        setting: Setting,
        ev_kw: Floats,
        past: Recording | None = None,
        drawn_kw: Floats | None = None,
    ) -> None:
        """The recording, and what was before it.

        Args:
            recording: What happened.
            setting: The recording as a portfolio.
            ev_kw: Power of cars that count as their site's demand, shape (sites, slots).
            past: The same sites in slots of the same length right before the recording.
            drawn_kw: At the setting's chargers, shape (chargers, slots), filled as the slots are
                lived through; None: their cars are among those of the sites.
        """
        _check_past(recording, past)
        parts = [(recording, ev_kw)] if past is None else [(past, arrivals_kw(past))]
        parts += [] if past is None else [(recording, ev_kw)]
        self._drawn_kw = drawn_kw
        self._chargers = () if drawn_kw is None else tuple(setting.chargers.values())
        self._setting, self._sites = setting, recording.sites
        self._weather = recording.weather
        self._before = 0 if past is None else len(past.grid)
        self._start = (past or recording).grid.start
        self._step_s = recording.hours * 3600.0
        self.demand_kw = frozen(np.concatenate([one.load_kw + ev for one, ev in parts], axis=1))
        """Of the past and the recording, shape (sites, slots)."""
        self.sun_kw = frozen(np.concatenate([one.pv_kw for one, _ in parts], axis=1))

    def series(self, slot: int, *, running: bool) -> tuple[Series, ...]:
        """As far as a forecaster may look back from a slot of the recording.

        ``running``: what is measured in the slot itself is known, as the tick knows it.
        """
        return tuple(self._series(self._before + slot, running=running))

    def weather(self, slot: int, slots: int) -> WeatherRecord | None:
        """As it was forecast at the beginning of a slot, of the past and of so many slots ahead."""
        if self._weather is None:
            return None
        now = self._before + slot
        since, at, until = (
            datetime.fromtimestamp(self._start.timestamp() + place * self._step_s, UTC)
            for place in (
                max(now - round(MEMORY.total_seconds() / self._step_s), 0),
                now,
                now + slots,
            )
        )
        return as_known(self._weather, since, at, until)

    def _series(self, now: int, *, running: bool) -> Iterator[Series]:
        first = max(now - round(MEMORY.total_seconds() / self._step_s), 0)
        start_s = self._start.timestamp() + first * self._step_s
        start = datetime.fromtimestamp(start_s, self._start.tzinfo)
        for at, site in enumerate(self._sites):
            yield Series(
                subject=site,
                quantity=Quantity.POWER_KW,
                start=start,
                step_s=self._step_s,
                values_kw=self.demand_kw[at, first:now],
                running_kw=float(self.demand_kw[at, now]) if running else None,
            )
            running_kw = float(self.sun_kw[at, now]) if running else None
            yield from self._sun(SiteId(site), start, self.sun_kw[at, first:now], running_kw)
        yield from self._drawn(start, first, now)

    def _drawn(self, start: datetime, first: int, now: int) -> Iterator[Series]:
        """At the chargers; before the recording nobody knows."""
        if self._drawn_kw is None:
            return
        unknown = np.full(max(self._before - first, 0), np.nan)
        known = slice(max(first - self._before, 0), now - self._before)
        for charger, drawn_kw in zip(self._chargers, self._drawn_kw, strict=True):
            yield Series(
                subject=charger,
                quantity=Quantity.POWER_KW,
                start=start,
                step_s=self._step_s,
                values_kw=np.concatenate([unknown, drawn_kw[known]]),
            )

    def _sun(
        self, site: SiteId, start: datetime, values_kw: Floats, running_kw: float | None
    ) -> Iterator[Series]:
        portfolio = self._setting.portfolio
        assets = (portfolio.assets[asset] for asset in portfolio.assets_of_site[site])
        plants = [asset for asset in assets if isinstance(asset, Pv)]
        if not plants:
            return
        peak_kw = sum(plant.peak_kw for plant in plants)
        place = portfolio.sites[site]
        yield Series(
            subject=site,
            quantity=Quantity.AVAILABLE_KW,
            start=start,
            step_s=self._step_s,
            values_kw=values_kw,
            running_kw=running_kw,
            peak_kw=peak_kw if self._setting.nameplates else None,
            latitude=portfolio.latitude if place.latitude is None else place.latitude,
            longitude=portfolio.longitude if place.longitude is None else place.longitude,
            tilt_deg=plants[0].tilt_deg,
            azimuth_deg=plants[0].azimuth_deg,
        )


def _check_past(recording: Recording, past: Recording | None) -> None:
    if past is None:
        return
    if past.sites != recording.sites or past.hours != recording.hours:
        raise InvariantError("the past must be of the same sites in slots of the same length")
    if past.grid.end != recording.grid.start:
        raise InvariantError(
            f"the past ends {past.grid.end:%Y-%m-%d %H:%M},"
            f" the recording begins {recording.grid.start:%Y-%m-%d %H:%M}"
        )
