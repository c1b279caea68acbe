"""Sites whose load nothing on record foretells yet, and what is assumed of them meanwhile."""

from collections.abc import Callable, Mapping

import numpy as np
import structlog

from vpp.domain.forecast import LEARNT_SERVES, Forecast
from vpp.domain.ids import SiteId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.runtime.view import View

Forecasts = Mapping[tuple[str, Quantity], Forecast]
_SHOWN = 6
_log = structlog.get_logger(__name__)


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


class UnrecordedNotice:
    """Says once, when a daemon has forecast for the first time, what its plans cannot know yet."""

    def __init__(self, portfolio: Portfolio, newest: Callable[[], Forecasts]) -> None:
        """``newest``: forecasts of the newest round, none before the first."""
        self._portfolio, self._newest = portfolio, newest
        self._said = False

    def observe(self, _: View) -> None:
        """Look with every tick, until there are forecasts."""
        forecasts = self._newest()
        if self._said or not forecasts:
            return
        self._said = True
        if assumed := unrecorded(self._portfolio, forecasts):
            first = [f"{site} {mean_kw:.1f} kW" for site, mean_kw in assumed.items()][:_SHOWN]
            more = [f"and {len(assumed) - _SHOWN} more"] if len(assumed) > _SHOWN else []
            _log.warning(
                "no history of load yet", sites=len(assumed), assumed=", ".join(first + more),
                then="plans mean something after a day, or at once after 'vpp forecast train' from"
                f" a record that ended in the last {LEARNT_SERVES.days} days",
            )  # fmt: skip
