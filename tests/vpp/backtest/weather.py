"""A made-up record of unlike batteries under changing weather, and forecasters of every kind."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from vpp.backtest.data import Recording
from vpp.domain.arrays import Floats, frozen
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.rules import Storage
from vpp.domain.slots import SlotGrid

STEP_S = 900.0


def unlike(days: int, *, seed: int = 7, first_day: int = 20_000) -> Recording:
    """Three sites in quarter hours; sun and load change from day to day, batteries start part full.

    ``first_day`` is counted from 1970.
    """
    random = np.random.default_rng(seed)
    slots = days * 96
    hour = np.arange(slots) / 4 % 24
    strength = np.repeat(random.uniform(0.2, 1.0, (3, days)), 96, axis=1)
    sun = strength * np.maximum(np.sin((hour - 6) / 12 * np.pi), 0)
    evening = 2 * np.exp(-((hour - 20) ** 2) / 4)
    return Recording(
        sites=("a", "b", "c"),
        grid=SlotGrid(edges_s=frozen(first_day * 86400.0 + STEP_S * np.arange(slots + 1))),
        load_kw=frozen(random.uniform(0.5, 2, (3, slots)) + evening),
        pv_kw=frozen(np.array([[9.0], [4.0], [6.0]]) * sun),
        batteries=("a", "b", "c"),
        storage=Storage(
            site=np.array([0, 1, 2]),
            low_kwh=np.array([0.0, 1.0, 0.0]),
            high_kwh=np.array([20.0, 7.0, 9.0]),
            charge_kw=np.array([3.0, 6.0, 2.0]),
            discharge_kw=np.array([2.0, 5.0, 4.0]),
            eta_charge=np.full(3, 0.95),
            eta_discharge=np.full(3, 0.95),
        ),
        start_kwh=np.array([5.0, 1.0, 2.0]),
        meta={"time_zone": "Asia/Seoul", "latitude": 35.0, "longitude": 127.0, "country": "KR"},
    )


def hourly(days: int) -> Recording:
    """The same in hours, each as its first quarter, with prices."""
    fine, hours = unlike(days), slice(None, None, 4)
    grid = SlotGrid(edges_s=fine.grid.edges_s[hours])
    dear = np.arange(len(grid)) % 24 >= 18
    return replace(
        fine,
        grid=grid,
        load_kw=frozen(fine.load_kw[:, hours]),
        pv_kw=frozen(fine.pv_kw[:, hours]),
        price_per_kwh=frozen(np.where(dear, 0.5, 0.2)),
    )


@dataclass
class Wild:
    """Forecasts that have nothing to do with what comes."""

    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        slots = len(request.grid)
        return _all(request, lambda: np.sort(self.random.uniform(0, 12, (3, slots)), axis=0))


class Nothing:
    """Neither load nor sun, ever."""

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        return _all(request, lambda: np.zeros((3, len(request.grid))))


def _all(request: ForecastRequest, values: Callable[[], Floats]) -> tuple[Forecast, ...]:
    return tuple(
        Forecast(
            subject=series.subject,
            quantity=series.quantity,
            grid=request.grid,
            issued_at=request.issued_at,
            values_kw=values(),
            source="made up",
        )
        for series in request.series
    )
