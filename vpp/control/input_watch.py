"""Whether forecasts stand on measurements, or on nothing, or on old ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from vpp.control.inputs import Alarm
from vpp.domain.forecast import LEARNT_SERVES, Forecast
from vpp.domain.ids import AssetId, PoolId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio

Forecasts = Mapping[tuple[str, Quantity], Forecast]
OLD_S = 86400.0
"""A forecast leans at least on what was at the same time of the day before."""
_SHOWN = 6
_REMEDY = (
    "plans mean something after a day of measurements, or at once after 'vpp forecast train' from a"
    f" record that ended in the last {LEARNT_SERVES.days} days"
)
_NAMES = {Quantity.POWER_KW: "load", Quantity.AVAILABLE_KW: "sun"}
"""A pool's net is foreseen from these."""


def unrecorded(portfolio: Portfolio, forecasts: Forecasts) -> dict[SiteId, float]:
    """Mean load assumed, kW, of the sites of which nothing is on record and nothing was learnt."""
    found: dict[SiteId, float] = {}
    for site in portfolio.sites:
        forecast = forecasts.get((site, Quantity.POWER_KW))
        if forecast is None or _is_guess(forecast):
            found[site] = 0.0 if forecast is None else float(forecast.middle_kw.mean())
    return found


def _is_guess(forecast: Forecast) -> bool:
    """One that was learnt from a record elsewhere knows its errors, though it has no input here."""
    return bool(np.isinf(forecast.input_age_s)) and forecast.deviation_kw is None


class InputWatch:
    """``observe`` with every round of forecasts."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._pool_of: dict[str, PoolId] = {}
        for site, pool in portfolio.pool_of_site.items():
            assets: Iterable[AssetId] = portfolio.assets_of_site[site]
            self._pool_of |= dict.fromkeys((site, *assets), pool)
        self._alarms: tuple[Alarm, ...] = ()

    def observe(self, forecasts: Iterable[Forecast]) -> None:
        of_pool = defaultdict[PoolId, list[Forecast]](list)
        for one in forecasts:
            if one.quantity in _NAMES and one.subject in self._pool_of:
                of_pool[self._pool_of[one.subject]].append(one)
        said = {pool: "; ".join(_lacks(made)) for pool, made in of_pool.items()}
        self._alarms = tuple(
            Alarm(code="FORECAST_MISSING", subject=pool, text=f"{text}: {_REMEDY}")
            for pool, text in said.items()
            if text
        )

    def alarms(self) -> tuple[Alarm, ...]:
        """``FORECAST_MISSING`` of every pool of which something is foreseen from nothing."""
        return self._alarms


def _lacks(made: Iterable[Forecast]) -> Iterator[str]:
    guessed = [one for one in made if _is_guess(one)]
    old = [one for one in made if OLD_S < one.input_age_s < np.inf]
    if guessed:
        yield "nothing is on record of " + _listed(
            f"{_name(one)} ({float(one.middle_kw.mean()):.1f} kW assumed)" for one in guessed
        )
    if old:
        yield "nothing newer is on record of " + _listed(
            f"{_name(one)} ({one.input_age_s / 3600.0:.0f} h old)" for one in old
        )


def _name(forecast: Forecast) -> str:
    return f"{forecast.subject}'s {_NAMES[forecast.quantity]}"


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return ", ".join(found[:_SHOWN] + more)
