"""What other controllers would have reached on the demo's own day, up to any moment of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.score import pool_nets
from vpp.domain import rules
from vpp.domain.arrays import Floats
from vpp.domain.portfolio import Portfolio
from vpp.runtime.score import Reached

Span = tuple[float, float]
"""Beginning and end, seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """One controller's energies since the day's start, at its slots' edges."""

    name: str
    edges_s: Floats
    load_kwh: Floats
    ev_kwh: Floats
    import_kwh: Floats
    export_kwh: Floats
    renewable_kwh: Floats
    credit_kwh: Floats
    import_kw: Floats
    """Of all pools together, shape (slots,)."""

    def reached(self, spans: Sequence[Span]) -> Reached | None:
        """What it reached within these spans of time; slots inside one of them make the peak.

        None beyond the days that are known.
        """
        edges_s = np.array(spans).reshape(-1, 2)
        if np.any(edges_s < self.edges_s[0]) or np.any(edges_s > self.edges_s[-1]):
            return None

        def between(cumulative: Floats) -> float:
            return float(np.diff(np.interp(edges_s, self.edges_s, cumulative)).sum())

        from_s, to_s = self.edges_s[:-1, None], self.edges_s[1:, None]
        whole = ((from_s >= edges_s[:, 0]) & (to_s <= edges_s[:, 1])).any(axis=1)
        return Reached(
            load_kwh=between(self.load_kwh),
            ev_kwh=between(self.ev_kwh),
            import_kwh=between(self.import_kwh),
            export_kwh=between(self.export_kwh),
            renewable_kwh=between(self.renewable_kwh),
            credit_kwh=between(self.credit_kwh),
            peak_kw=float(self.import_kw[whole].max()) if whole.any() else None,
        )


def baselines(recording: Recording, portfolio: Portfolio) -> tuple[Baseline, ...]:
    """No control, and each inverter on its own rule; cars charge on arrival in both."""
    at = {site: i for i, site in enumerate(recording.sites)}
    pools = [[at[site] for site in pool.sites] for pool in portfolio.pools.values()]
    found = (("no control", rules.no_control), ("each inverter on its own rule", rules.inverter))
    return tuple(
        _baseline(run_rule(name, recording, rule, pools=pools), recording, pools)
        for name, rule in found
    )


def _baseline(run: Run, recording: Recording, pools: Sequence[Sequence[int]]) -> Baseline:
    hours = recording.grid.hours
    nets = pool_nets(run, recording, pools)

    def cumulative(power_kw: Floats) -> Floats:
        return np.concatenate([[0.0], np.cumsum(power_kw.sum(axis=0) * hours)])

    gained = run.stored_kwh - run.stored_kwh[:, :1]
    return Baseline(
        name=run.name,
        edges_s=recording.grid.edges_s,
        load_kwh=cumulative(recording.load_kw),
        ev_kwh=cumulative(run.ev_kw),
        import_kwh=cumulative(np.maximum(nets, 0.0)),
        export_kwh=cumulative(np.maximum(-nets, 0.0)),
        renewable_kwh=cumulative(recording.pv_kw),
        credit_kwh=recording.storage.eta_discharge @ gained,
        import_kw=np.maximum(nets, 0.0).sum(axis=0),
    )
