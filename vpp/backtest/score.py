"""A table of controllers over the same recorded data, the stored energy of each credited."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run
from vpp.domain import metrics
from vpp.domain.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One controller, by the definitions of ``vpp.domain.metrics``; NaN is what has no meaning."""

    name: str
    self_consumption: float
    self_sufficiency: float
    gross_self_consumption: float
    uncredited_self_consumption: float
    """Energy left at the end not credited, energy used up beyond the start's counted against it."""
    cost: float
    """Of imported energy, in the currency of the prices; NaN without prices."""
    site_cost: float
    """The same where every site pays for its own import."""
    co2_kg: float
    peak_kw: float
    """Highest import of any slot, summed over the pools."""
    mean_daily_peak_kw: float
    ramping_kw: float
    cycles: float
    """Full cycles of all storage together."""
    import_kwh: float
    export_kwh: float
    stored_kwh: float
    """Energy in store at the end."""


def score(
    run: Run,
    recording: Recording,
    *,
    pools: Sequence[Sequence[int]] | None = None,
) -> Score:
    """Score a run at the boundaries of its pools, the days being those of the recording."""
    nets = pool_nets(run, recording, pools)
    hours, storage, lost = recording.hours, recording.storage, run.curtailed_kw
    credit = metrics.stored_credit_kwh(
        run.stored_kwh[:, 0], run.stored_kwh[:, -1], storage.eta_discharge
    )
    balances = metrics.Balance(
        demand_kwh=metrics.energy_kwh(recording.load_kw + run.ev_kw, hours),
        import_kwh=metrics.import_kwh(nets, hours),
        export_kwh=metrics.export_kwh(nets, hours),
        available_kwh=metrics.energy_kwh(recording.pv_kw, hours),
        curtailed_kwh=0.0 if lost is None else metrics.energy_kwh(lost, hours),
        credit_kwh=credit,
    )
    imported = np.maximum(nets, 0.0).sum(axis=0)
    own = np.maximum(pool_nets(run, recording, [[s] for s in range(len(recording.sites))]), 0.0)
    return Score(
        name=run.name,
        self_consumption=balances.self_consumption,
        self_sufficiency=balances.self_sufficiency,
        gross_self_consumption=balances.gross_self_consumption,
        uncredited_self_consumption=replace(balances, credit_kwh=min(credit, 0.0)).self_consumption,
        cost=_weighted(imported, recording.price_per_kwh, hours),
        site_cost=_weighted(own.sum(axis=0), recording.price_per_kwh, hours),
        co2_kg=_weighted(imported, recording.carbon_kg_per_kwh, hours),
        peak_kw=metrics.peak_kw(imported),
        mean_daily_peak_kw=metrics.mean_daily_peak_kw(imported, recording.day),
        ramping_kw=metrics.ramping_kw(nets.sum(axis=0)),
        cycles=_cycles(run, recording),
        import_kwh=balances.import_kwh,
        export_kwh=balances.export_kwh,
        stored_kwh=float(run.stored_kwh[:, -1].sum()),
    )


def pool_nets(
    run: Run, recording: Recording, pools: Sequence[Sequence[int]] | None = None
) -> Floats:
    """Net power at each pool's boundary, kW, shape (pools, slots)."""
    site_kw = recording.load_kw - recording.pv_kw + run.ev_kw
    if run.curtailed_kw is not None:
        site_kw += run.curtailed_kw
    np.add.at(site_kw, recording.storage.site, run.battery_kw)
    everyone = [range(len(recording.sites))]
    return np.array([site_kw[list(pool)].sum(axis=0) for pool in pools or everyone])


def _weighted(imported_kw: Floats, per_kwh: Floats | None, hours: float) -> float:
    return float("nan") if per_kwh is None else metrics.energy_kwh(imported_kw * per_kwh, hours)


def _cycles(run: Run, recording: Recording) -> float:
    storage = recording.storage
    given_kwh = np.maximum(-run.battery_kw, 0.0).sum(axis=1) * recording.hours
    return metrics.ratio(
        float((given_kwh / storage.eta_discharge).sum()),
        float((storage.high_kwh - storage.low_kwh).sum()),
    )


def table(scores: Iterable[Score]) -> str:
    """The scores as text, a line each."""
    lines = ["controller                   self-cons. self-suff.         cost  peak kW daily kW"]
    for row in scores:
        lines.append(
            f"{row.name:28s} {row.self_consumption:10.4f} {row.self_sufficiency:10.4f}"
            f" {row.cost:12,.0f} {row.peak_kw:8.1f} {row.mean_daily_peak_kw:8.1f}"
        )
    return "\n".join(lines)
