"""What a forecaster is given of a recording: demand and sun before a slot, and nothing after."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.setting import Setting
from vpp.control.outlook import MEMORY
from vpp.domain.arrays import Floats
from vpp.domain.assets import Pv
from vpp.domain.errors import InvariantError
from vpp.domain.forecast import Series
from vpp.domain.ids import SiteId
from vpp.domain.points import Quantity
from vpp.domain.rules import no_control


def on_arrival_run(recording: Recording) -> Run:
    """Cars that charge on arrival, and batteries that stand still."""
    return run_rule("on arrival", recording, no_control)


def arrivals_kw(recording: Recording) -> Floats:
    """Power of cars that charge on arrival, shape (sites, slots)."""
    return on_arrival_run(recording).ev_kw


class Given:
    """Series of every site's demand, cars included, and sun."""

    def __init__(
        self,
        recording: Recording,
        setting: Setting,
        ev_kw: Floats,
        past: Recording | None = None,
    ) -> None:
        """``past``: the same sites in slots of the same length right before the recording."""
        _check_past(recording, past)
        parts = [(recording, ev_kw)] if past is None else [(past, arrivals_kw(past))]
        parts += [] if past is None else [(recording, ev_kw)]
        self._setting, self._sites = setting, recording.sites
        self._before = 0 if past is None else len(past.grid)
        self._start = (past or recording).grid.start
        self._step_s = recording.hours * 3600.0
        self.demand_kw = np.concatenate([one.load_kw + ev for one, ev in parts], axis=1)
        """Of the past and the recording, shape (sites, slots)."""
        self.sun_kw = np.concatenate([one.pv_kw for one, _ in parts], axis=1)

    def series(self, slot: int, *, running: bool) -> tuple[Series, ...]:
        """As far as a forecaster may look back from a slot of the recording.

        ``running``: what is measured in the slot itself is known, as the tick knows it.
        """
        return tuple(self._series(self._before + slot, running=running))

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
