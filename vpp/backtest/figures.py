"""Every figure of an answer, by controller: what ``kpi.json`` and the report show."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from vpp.backtest.bound import NAME as BOUND
from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run
from vpp.backtest.score import Score, pool_nets, score
from vpp.backtest.study import Answer
from vpp.domain import metrics
from vpp.domain.arrays import Floats
from vpp.domain.order import Order
from vpp.domain.problem import NO_CURRENCY

WINDOW_S = 730 * 3600.0
"""Stretches over which the load factor is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of an answer."""

    scores: Mapping[str, Score]
    """By name of the run; the one asked for comes first."""
    grid_scores: Mapping[str, float]
    """Score of the CityLearn challenge 2022, lower is better, 1 without storage."""
    unserved_kwh: Mapping[str, float]
    """What cars left without."""
    regret: Mapping[str, float]
    """Against perfect foresight, in its unit: ``total``, and with a plan ``forecast`` (what a
    perfect forecast would have saved) and ``horizon`` (the rest)."""
    unit: str
    """Of the regret."""


def figures(answer: Answer) -> Figures:
    runs = all_runs(answer)
    recording = answer.recording
    scores = {name: score(run, recording, pools=answer.pools) for name, run in runs.items()}
    without = next(run for run in answer.beside if run.name == "none")
    return Figures(
        scores=scores,
        grid_scores={name: grid_score(run, without, answer) for name, run in runs.items()},
        unserved_kwh={name: run.unserved_kwh for name, run in runs.items()},
        regret=_regret(answer),
        unit="kWh of import" if by_import(answer) else _currency(answer),
    )


def _currency(answer: Answer) -> str:
    city = answer.ask.portfolio
    return NO_CURRENCY if city is None else city.currency


def all_runs(answer: Answer) -> dict[str, Run]:
    """Every run by name, the one asked for first."""
    foreseen = () if answer.foreseen is None else (answer.foreseen,)
    return {run.name: run for run in (answer.run, *answer.beside[:-1], *foreseen, answer.bound)}


def by_import(answer: Answer) -> bool:
    """Whether perfect foresight is that of least import; else it is that of least cost."""
    return answer.goals.order is not Order.COST or answer.recording.price_per_kwh is None


def grid_score(run: Run, without: Run, answer: Answer) -> float:
    """Mean of price, carbon and grid, each over what it is without storage.

    Price counts at the boundaries, carbon at every site's own meter; grid is the mean of ramping
    and of 1 - load factor over windows of 730 hours. NaN without prices or carbon.
    """
    parts = zip(_parts(run, answer), _parts(without, answer), strict=True)
    price, carbon, ramping, factor = (metrics.ratio(one, other) for one, other in parts)
    return float(np.mean([price, carbon, (ramping + factor) / 2]))


def _parts(run: Run, answer: Answer) -> tuple[float, float, float, float]:
    recording, hours = answer.recording, answer.recording.hours
    net_kw = pool_nets(run, recording, answer.pools)
    sites = pool_nets(run, recording, [[site] for site in range(len(recording.sites))])
    nothing = np.full(len(recording.grid), np.nan)
    price = nothing if recording.price_per_kwh is None else recording.price_per_kwh
    carbon = nothing if recording.carbon_kg_per_kwh is None else recording.carbon_kg_per_kwh
    return (
        metrics.energy_cost(net_kw, hours, price),
        metrics.co2_kg(sites, hours, carbon),
        metrics.ramping_kw(net_kw.sum(axis=0)),
        _one_less_load_factor(net_kw.sum(axis=0), round(WINDOW_S / 3600.0 / hours)),
    )


def _one_less_load_factor(net_kw: Floats, window: int) -> float:
    """A rest of less than half a window counts with the one before: hours are no month."""
    firsts = range(window, len(net_kw) - window // 2, window)
    parts = np.split(net_kw, list(firsts))
    return float(np.mean([1.0 - metrics.ratio(part.mean(), part.max()) for part in parts]))


def lost_per_slot(run: Run, answer: Answer) -> Floats:
    """What the bound is the least of, in each slot, shape (slots,)."""
    imported = np.maximum(pool_nets(run, answer.recording, answer.pools), 0.0).sum(axis=0)
    price = answer.recording.price_per_kwh
    weight = 1.0 if price is None or by_import(answer) else price
    return np.asarray(imported * weight * answer.recording.hours)


def _lost(run: Run, answer: Answer) -> float:
    total = float(lost_per_slot(run, answer).sum())
    if not by_import(answer):
        return total
    return total - metrics.stored_credit_kwh(
        run.stored_kwh[:, 0], run.stored_kwh[:, -1], answer.recording.storage.eta_discharge
    )


def _regret(answer: Answer) -> dict[str, float]:
    best, found = _lost(answer.bound, answer), _lost(answer.run, answer)
    regret = {"total": found - best}
    if answer.foreseen is not None:
        ahead = _lost(answer.foreseen, answer)
        regret |= {"forecast": found - ahead, "horizon": ahead - best}
    return regret


def by_controller(found: Figures) -> dict[str, dict[str, float]]:
    """Every figure by its name, NaN for what has no meaning."""
    return {
        name: {
            **{key: value for key, value in asdict(row).items() if key != "name"},
            "citylearn_2022_score": found.grid_scores[name],
            "unserved_kwh": found.unserved_kwh[name],
        }
        for name, row in found.scores.items()
    }


def plain(answer: Answer, found: Figures) -> dict[str, object]:
    """The figures as ``kpi.json`` holds them; what has no meaning is null."""
    recording = answer.recording
    return {
        "asked": {
            "controller": answer.run.name,
            "order": str(answer.goals.order),
            "allowance": answer.goals.allowance,
            "allowance_by": answer.allowance_by,
            "forecast": answer.ask.forecast,
            "planner": answer.ask.planner,
            "plan_every_s": answer.ask.plan_every_s,
            "horizon_s": answer.ask.horizon_s,
        },
        "record": _record(recording),
        "controllers": {
            name: {key: _number(value) for key, value in row.items()}
            for name, row in by_controller(found).items()
        },
        "bound": BOUND,
        "regret": {"unit": found.unit, **{key: _number(v) for key, v in found.regret.items()}},
        "plans": {"made": answer.asked.plans, "refused": list(answer.asked.refused)},
    }


def _record(recording: Recording) -> dict[str, object]:
    return {
        "start": recording.grid.start.isoformat(),
        "end": recording.grid.end.isoformat(),
        "slots": len(recording.grid),
        "slot_s": recording.hours * 3600.0,
        "sites": list(recording.sites),
        "sessions": len(recording.sessions),
    }


def _number(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
