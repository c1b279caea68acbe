"""What a stretch of time was worth: fixed definitions, for a pool's boundary and a site's alike.

Powers are means per slot in kW, shape (slots,), positive into the asset; ``net_kw`` is the power at
the boundary, positive import. ``hours`` is the length of each slot, a number or shape (slots,).
Energies are kWh. A ratio over nothing is NaN, never 0.
"""

from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats

Hours = float | Floats


def energy_kwh(power_kw: Floats, hours: Hours) -> float:
    """``sum(power * hours)``."""
    return float(np.sum(power_kw * hours))


def import_kwh(net_kw: Floats, hours: Hours) -> float:
    """``sum(max(net, 0) * hours)``."""
    return energy_kwh(np.maximum(net_kw, 0.0), hours)


def export_kwh(net_kw: Floats, hours: Hours) -> float:
    """``sum(max(-net, 0) * hours)``."""
    return energy_kwh(np.maximum(-net_kw, 0.0), hours)


def stored_credit_kwh(start_kwh: Floats, end_kwh: Floats, eta_discharge: Floats) -> float:
    """``sum(eta_d * (E_end - E_start))`` over batteries: what the change of store is worth at AC.

    All of shape (batteries,). Negative where the stretch lived on energy stored before it.
    """
    return float(np.sum(eta_discharge * (end_kwh - start_kwh)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Energies of one boundary over one stretch of time, kWh; all but the credit are magnitudes."""

    demand_kwh: float
    """Load and EV charging; battery charging is not demand."""
    import_kwh: float
    export_kwh: float
    available_kwh: float
    """Renewable energy that could have been produced; with curtailment more than was produced."""
    curtailed_kwh: float = 0.0
    credit_kwh: float = 0.0
    """``stored_credit_kwh``."""

    @property
    def local_kwh(self) -> float:
        """``demand - import + credit``: demand that no import served, stored energy credited.

        Losses of batteries and energy bought to be stored cannot raise it.
        """
        return self.demand_kwh - self.import_kwh + self.credit_kwh

    @property
    def self_consumption(self) -> float:
        """``local / available``: the headline. NaN without renewable energy."""
        return ratio(self.local_kwh, self.available_kwh)

    @property
    def self_sufficiency(self) -> float:
        """``local / demand``. NaN without demand."""
        return ratio(self.local_kwh, self.demand_kwh)

    @property
    def gross_self_consumption(self) -> float:
        """``1 - (export + curtailed) / available``: counts losses as used, never the headline."""
        return 1.0 - ratio(self.export_kwh + self.curtailed_kwh, self.available_kwh)


def balance(
    *,
    demand_kw: Floats,
    net_kw: Floats,
    available_kw: Floats,
    hours: Hours,
    produced_kw: Floats | None = None,
    credit_kwh: float = 0.0,
) -> Balance:
    """The balance of one boundary.

    ``demand_kw`` is load and EV charging, ``available_kw`` and ``produced_kw`` are magnitudes of
    renewable power that could be and was produced; left out, everything available was.
    """
    produced = available_kw if produced_kw is None else produced_kw
    return Balance(
        demand_kwh=energy_kwh(demand_kw, hours),
        import_kwh=import_kwh(net_kw, hours),
        export_kwh=export_kwh(net_kw, hours),
        available_kwh=energy_kwh(available_kw, hours),
        curtailed_kwh=energy_kwh(available_kw - produced, hours),
        credit_kwh=credit_kwh,
    )


def ratio(part: float, whole: float) -> float:
    """``part / whole``; NaN over nothing."""
    return part / whole if whole > 0 else float("nan")


def energy_cost(
    net_kw: Floats, hours: Hours, import_per_kwh: Floats, export_per_kwh: Floats | float = 0.0
) -> float:
    """``sum((p_import * max(net, 0) - p_export * max(-net, 0)) * hours)``, in their currency."""
    bought = import_per_kwh * np.maximum(net_kw, 0.0)
    sold = export_per_kwh * np.maximum(-net_kw, 0.0)
    return float(np.sum((bought - sold) * hours))


def co2_kg(net_kw: Floats, hours: Hours, kg_per_kwh: Floats) -> float:
    """``sum(factor * max(net, 0) * hours)``: of what was imported."""
    return float(np.sum(kg_per_kwh * np.maximum(net_kw, 0.0) * hours))


def peak_kw(net_kw: Floats) -> float:
    """Highest mean import of any slot; 0 where nothing was imported, NaN over no slots."""
    return float(np.max(np.maximum(net_kw, 0.0))) if len(net_kw) else float("nan")


def mean_daily_peak_kw(net_kw: Floats, day: Floats) -> float:
    """Mean over days of the day's highest import; ``day`` names each slot's, shape (slots,)."""
    days = np.unique(day)
    peaks = [peak_kw(net_kw[day == one]) for one in days]
    return float(np.mean(peaks)) if peaks else float("nan")


def ramping_kw(net_kw: Floats) -> float:
    """``sum |net[t] - net[t - 1]|`` from slot to slot."""
    return float(np.sum(np.abs(np.diff(net_kw))))


def full_cycles(
    battery_kw: Floats, hours: Hours, eta_discharge: float, capacity_kwh: float
) -> float:
    """``sum(max(-p, 0) * hours) / (eta_d * capacity)``: how often a battery was emptied in all."""
    return ratio(energy_kwh(np.maximum(-battery_kw, 0.0), hours), eta_discharge * capacity_kwh)


def loss_kwh(battery_kw: Floats, hours: Hours, start_kwh: Floats, end_kwh: Floats) -> float:
    """``sum(p * hours) - (E_end - E_start)``: what batteries took in and neither gave nor hold.

    ``battery_kw`` has shape (batteries, slots), the energies (batteries,).
    """
    return energy_kwh(battery_kw, hours) - float(np.sum(end_kwh - start_kwh))
