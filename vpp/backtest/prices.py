"""Recorded prices and carbon as a tariff, as production reads it: nothing unknown is told."""

from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from vpp.backtest.data import Recording
from vpp.domain.arrays import Floats
from vpp.domain.ids import TariffId
from vpp.domain.slots import SlotGrid
from vpp.domain.tariff import DayType, DemandCharge, Season, Tariff, TariffPeriod

DAY_S = 86400.0
LEARNT_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class RecordedTariff(Tariff):
    """Prices are published and known ahead; carbon is known for the slot that a grid begins with.

    Later carbon is the mean of the same time of the last seven days; beyond the record's end
    prices go on as in its last day.
    """

    recording: Recording
    demand: DemandCharge | None = None
    carbon_known: bool = False
    """Whether carbon is known ahead: perfect foresight."""

    def import_on(self, grid: SlotGrid) -> Floats:
        return self._recorded(self.recording.price_per_kwh, grid.edges_s[:-1], 1.0)

    def export_on(self, grid: SlotGrid) -> Floats:
        return np.zeros(len(grid))

    def carbon_on(self, grid: SlotGrid) -> Floats:
        carbon, starts_s = self.recording.carbon_kg_per_kwh, grid.edges_s[:-1]
        if carbon is None or self.carbon_known:
            return self._recorded(carbon, starts_s, 0.0)
        now_s, first_s = float(starts_s[0]), float(self.recording.grid.edges_s[0])
        found = np.full((LEARNT_DAYS, len(grid)), np.nan)
        ahead = np.ceil((starts_s - now_s) / DAY_S)
        for day in range(LEARNT_DAYS):
            then_s = starts_s - DAY_S * (ahead + day)
            known = (then_s >= first_s) & (then_s <= now_s)
            found[day, known] = self._recorded(carbon, then_s[known], 0.0)
        known_days = np.isfinite(found).sum(axis=0)
        running = float(self._recorded(carbon, starts_s[:1], 0.0)[0])
        mean = np.nansum(found, axis=0) / np.maximum(known_days, 1)
        mean = np.where(known_days > 0, mean, running)
        mean[0] = running
        return np.asarray(mean)

    def demand_at(self, at: datetime) -> DemandCharge | None:
        return self.demand

    def _recorded(self, values: Floats | None, at_s: Floats, default: float) -> Floats:
        """Values at instants within the record, or as much as a day, and another, beyond it."""
        if values is None:
            return np.full(len(at_s), default)
        edges_s = self.recording.grid.edges_s
        beyond = np.maximum(np.floor((at_s - edges_s[-1]) / DAY_S) + 1, 0)
        slot = np.searchsorted(edges_s, at_s - DAY_S * beyond, side="right") - 1
        return np.asarray(values[np.clip(slot, 0, len(values) - 1)])


def recorded_tariff(
    recording: Recording, *, demand_per_kw: float = 0.0, carbon_known: bool = False
) -> RecordedTariff:
    """The tariff of a recording; without recorded prices every kWh costs one."""
    everywhere = Season(
        name="recorded",
        months=frozenset(range(1, 13)),
        bands=dict.fromkeys(DayType, ("recorded",) * 24),
        energy_per_kwh={"recorded": 1.0},
    )
    period = TariffPeriod(valid_from=date(1970, 1, 1), source="recorded", seasons=(everywhere,))
    demand = DemandCharge(per_kw=demand_per_kw, interval_s=recording.hours * 3600.0)
    return RecordedTariff(
        id=TariffId("recorded"),
        time_zone=recording.time_zone,
        periods=(replace(period, demand=demand if demand_per_kw > 0 else None),),
        recording=recording,
        demand=demand if demand_per_kw > 0 else None,
        carbon_known=carbon_known,
    )
