"""A forecaster that knows the record: what is left of the regret is not the forecast's fault."""

from collections.abc import Mapping

import numpy as np

from vpp.backtest.data import Recording
from vpp.domain.arrays import Floats, Ints
from vpp.domain.forecast import HIGH, LOW, MIDDLE, Forecast, ForecastRequest, Group, Series
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid

DAY_S = 86400.0


class Foresight:
    """What was recorded, without a doubt; the day after the record's end is like its last."""

    def __init__(
        self, recording: Recording, ev_kw: Floats, chargers_kw: Mapping[str, Floats] | None = None
    ) -> None:
        """What is known.

        Args:
            recording: What happened.
            ev_kw: Power of cars that are demand of their site, shape (sites, slots).
            chargers_kw: Of cars that charge on arrival, by charger, shape (slots,).
        """
        self._chargers_kw = chargers_kw or {}
        self._edges_s = recording.grid.edges_s
        self._at = {site: at for at, site in enumerate(recording.sites)}
        self._known = {
            Quantity.POWER_KW: recording.load_kw + ev_kw,
            Quantity.AVAILABLE_KW: recording.pv_kw,
        }

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        slots = self._slots(request.grid)
        return (
            *(self._one(series, request, slots) for series in request.series),
            *(self._group(group, request, slots) for group in request.groups),
        )

    def _slots(self, grid: SlotGrid) -> Ints:
        starts_s = grid.edges_s[:-1]
        beyond = np.maximum(np.floor((starts_s - self._edges_s[-1]) / DAY_S) + 1, 0)
        slot = np.searchsorted(self._edges_s, starts_s - DAY_S * beyond, side="right") - 1
        return np.asarray(np.clip(slot, 0, len(self._edges_s) - 2), dtype=np.int64)

    def _one(self, series: Series, request: ForecastRequest, slots: Ints) -> Forecast:
        values_kw = self._chargers_kw.get(series.subject)
        if values_kw is None:
            values_kw = self._known[series.quantity][self._at[series.subject]]
        values_kw = values_kw[slots]
        return _certain(series.subject, series.quantity, request, values_kw)

    def _group(self, group: Group, request: ForecastRequest, slots: Ints) -> Forecast:
        rows = [self._at[site] for site in group.members]
        load_kw, sun_kw = (known[rows][:, slots].sum(axis=0) for known in self._known.values())
        return _certain(group.subject, Quantity.UNCONTROLLED_KW, request, load_kw - sun_kw)


def _certain(
    subject: str, quantity: Quantity, request: ForecastRequest, values_kw: Floats
) -> Forecast:
    return Forecast(
        subject=subject,
        quantity=quantity,
        grid=request.grid,
        issued_at=request.issued_at,
        quantiles=(LOW, MIDDLE, HIGH),
        values_kw=np.tile(values_kw, (3, 1)),
        source="the record itself",
        deviation_kw=np.zeros(len(request.grid)),
        persistence=0.0,
    )
