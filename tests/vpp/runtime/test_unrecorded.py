"""What a daemon says of sites that it has no history of."""

from dataclasses import replace

import numpy as np
from structlog.testing import capture_logs

from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.domain.forecast import Forecast
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid
from vpp.runtime.unrecorded import Forecasts, UnrecordedNotice
from vpp.runtime.view import View

PORTFOLIO = two_sites()
VIEW = View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, {}))
GRID = SlotGrid.regular(NOON, count=4, step_s=900.0)


def forecast(site: str, age_s: float) -> Forecast:
    return Forecast(
        subject=site,
        quantity=Quantity.POWER_KW,
        grid=GRID,
        issued_at=NOON,
        values_kw=np.full((3, len(GRID)), 1.0),
        source="nothing recorded",
        input_age_s=age_s,
    )


def said(*rounds: Forecasts) -> list[str]:
    """The sites named after each of these rounds was looked at."""
    coming = iter(rounds)
    notice = UnrecordedNotice(PORTFOLIO, lambda: next(coming))
    with capture_logs() as logs:
        for _ in rounds:
            notice.observe(VIEW)
    return [line["assumed"] for line in logs]


def of(**ages_s: float) -> Forecasts:
    return {(site, Quantity.POWER_KW): forecast(site, age_s) for site, age_s in ages_s.items()}


def test_sites_without_a_history_are_named_once_and_with_what_is_assumed() -> None:
    unknown = of(home=np.inf, shop=60.0)
    assert said({}, unknown, unknown) == ["home 1.0 kW"]


def test_what_was_learnt_from_a_record_before_is_no_guess() -> None:
    learnt = replace(forecast("home", np.inf), deviation_kw=np.full(len(GRID), 0.2))
    assert said({**of(shop=60.0), ("home", Quantity.POWER_KW): learnt}) == []


def test_with_a_history_nothing_is_said_not_even_when_it_ends() -> None:
    assert said(of(home=60.0, shop=60.0), of(home=np.inf, shop=60.0)) == []
