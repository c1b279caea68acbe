"""How good a day was, and what it lost by whom.

The regret is what was lived less the least that was possible (``vpp.domain.hindsight``). It is put
down in this order, each to what would not have been lost without it:

- limit: what foresight loses if it must do what was done in slots in which a limit bound;
- device: what it loses beside if batteries must do what they did where the plan did not have them;
- forecast: of the rest no more than what a plan loses that is the best one for what was foreseen,
  and is kept, with batteries that take what comes otherwise;
- unexplained: what is left: side goals, the horizon, readings that came late, a fault of ours.
"""

import numpy as np

from vpp.domain import hindsight, metrics
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.day import Cause, DayScore, MeasuredDay, Reached
from vpp.domain.hindsight import Lived, Stakes
from vpp.domain.order import Order

LEAST_COMPLETE = 0.9
"""A day of which less was measured is not judged."""
WITHIN_S = 60.0
"""Longest search for one of a day's bounds, on the wire."""


def judge(day: MeasuredDay) -> DayScore:
    """The day's score.

    Raises:
        PlannerFailed: a bound was not found in time.
    """
    kept = np.flatnonzero(np.isfinite(day.net_kw) & np.isfinite(day.sun_kw))
    completeness = len(kept) / len(day.net_kw)
    why = _unjudged(day, kept)
    return DayScore(
        pool=day.pool,
        date=day.date,
        order=day.order,
        completeness=completeness,
        reached=None if why else _reached(day, kept),
        unjudged=why,
        bad_from=day.bad_from,
    )


def _unjudged(day: MeasuredDay, kept: Ints) -> str:
    slots = len(day.net_kw)
    if len(kept) < LEAST_COMPLETE * slots:
        unmetered = int(np.isnan(day.net_kw).sum())
        missing: dict[str, int] = {"the net of the pool": unmetered, **day.silent}
        worst = max(missing, key=lambda what: missing[what])
        return f"{worst} was not measured in {missing[worst]} of {slots} quarter hours"
    if (
        day.order is Order.COST
        and day.import_per_kwh is not None
        and day.export_per_kwh is not None
        and (day.export_per_kwh > day.import_per_kwh)[kept].any()
    ):
        return "export pays more than import costs: there is no bound of such a day"
    return ""


def _reached(day: MeasuredDay, kept: Ints) -> Reached:
    lived, stakes = _lived(day, kept), _stakes(day, kept)
    net_kw, hours = day.net_kw[kept], day.hours
    gained = (day.storage.eta_discharge @ np.nan_to_num(np.diff(_known(day.stored_kwh))))[kept]
    balance = metrics.balance(
        demand_kw=lived.rest_kw + day.sun_kw[kept],
        net_kw=net_kw,
        available_kw=np.fmax(day.could_kw, day.sun_kw)[kept],
        hours=hours,
        credit_kwh=float(gained.sum()),
    )
    causes = _causes(day, kept, lived, stakes)
    regret = sum(causes.values())
    all_bought = metrics.energy_kwh(
        np.maximum(lived.rest_kw + day.sun_kw[kept], 0.0) * stakes.import_per_kwh, hours
    )
    return Reached(
        self_consumption=_number(balance.self_consumption),
        self_sufficiency=_number(balance.self_sufficiency),
        demand_kwh=balance.demand_kwh,
        renewable_kwh=balance.available_kwh,
        import_kwh=balance.import_kwh,
        export_kwh=balance.export_kwh,
        peak_kw=metrics.peak_kw(net_kw),
        cost=_cost(day, kept),
        currency=day.currency,
        regret=regret,
        unit=_unit(day),
        regret_part=regret / all_bought if all_bought > 0 else 0.0,
        causes=causes,
        notes=_notes(day, kept, lived),
    )


def _lived(day: MeasuredDay, kept: Ints) -> Lived:
    power_kw = np.nan_to_num(day.power_kw[:, kept])
    edges = np.concatenate([kept[:1], kept + 1])
    return Lived(
        storage=day.storage,
        power_kw=power_kw,
        stored_kwh=_known(day.stored_kwh)[:, edges],
        rest_kw=np.asarray(day.net_kw[kept] - power_kw.sum(axis=0)),
        hours=day.hours,
    )


def _stakes(day: MeasuredDay, kept: Ints) -> Stakes:
    if _unit(day) == "kWh" or day.import_per_kwh is None or day.export_per_kwh is None:
        return Stakes(
            import_per_kwh=np.ones(len(kept)), export_per_kwh=np.zeros(len(kept)), credit=1.0
        )
    co2_per_kwh = 0.0 if day.co2_per_kwh is None else day.co2_per_kwh[kept]
    return Stakes(
        import_per_kwh=day.import_per_kwh[kept] + co2_per_kwh,
        export_per_kwh=day.export_per_kwh[kept],
        credit=0.0,
    )


def _unit(day: MeasuredDay) -> str:
    """Of the regret: money in the order ``cost`` where there is a tariff."""
    return day.currency if day.order is Order.COST and day.import_per_kwh is not None else "kWh"


def _causes(day: MeasuredDay, kept: Ints, lived: Lived, stakes: Stakes) -> dict[Cause, float]:
    def least(pinned: Bools) -> float:
        return hindsight.best(lived, stakes, pinned, WITHIN_S).figure

    free = np.zeros_like(lived.power_kw, dtype=np.bool_)
    bound = day.limited[:, kept]
    stuck = bound | _away(day)[:, kept]
    of_all = least(free)
    of_bound = least(bound) if bound.any() else of_all
    of_stuck = least(stuck) if stuck.any() else of_all
    rest = hindsight.figure(lived, stakes) - of_stuck
    forecast = min(max(_misled(day, kept, lived, stakes, stuck) - of_stuck, 0.0), max(rest, 0.0))
    return {
        Cause.FORECAST: forecast,
        Cause.DEVICE: of_stuck - of_bound,
        Cause.LIMIT: of_bound - of_all,
        Cause.UNEXPLAINED: rest - forecast,
    }


def _misled(day: MeasuredDay, kept: Ints, lived: Lived, stakes: Stakes, stuck: Bools) -> float:
    """Figure of the best plan for what was foreseen."""
    foreseen_kw = day.foreseen_kw[kept]
    foreseen_kw = np.where(np.isnan(foreseen_kw), lived.rest_kw, foreseen_kw)
    believed = Lived(
        storage=lived.storage,
        power_kw=lived.power_kw,
        stored_kwh=lived.stored_kwh,
        rest_kw=foreseen_kw,
        hours=lived.hours,
    )
    plan = hindsight.best(believed, stakes, stuck, WITHIN_S, eager=True)
    return hindsight.kept_to_plan(lived, stakes, plan.power_kw, foreseen_kw, stuck)


def _away(day: MeasuredDay) -> Bools:
    """Where the plan did not have a battery, or nobody measured what it did."""
    found = np.isnan(day.power_kw)
    for part in day.away.values():
        found = found | part
    return np.asarray(found)


def _notes(day: MeasuredDay, kept: Ints, lived: Lived) -> dict[Cause, str]:
    off_kw = np.abs(day.foreseen_kw[kept] - lived.rest_kw)
    known = off_kw[np.isfinite(off_kw)]
    missed = f"the net was {known.mean():.1f} kW off in the mean" if len(known) else ""
    gone = [
        f"{battery} {why} {hours:.1f} h"
        for why, part in day.away.items()
        for battery, hours in zip(day.batteries, part.sum(axis=1) * day.hours, strict=True)
        if hours > 0
    ]
    gone += [f"{battery}: stored energy unknown" for battery in day.unknown]
    notes = {
        Cause.FORECAST: missed or "no plan of that day is on record",
        Cause.DEVICE: _few(gone),
        Cause.LIMIT: _bound(day, kept),
    }
    return {cause: note for cause, note in notes.items() if note}


def _bound(day: MeasuredDay, kept: Ints) -> str:
    bound_h = float(day.limited.any(axis=0).sum()) * day.hours
    lost_kwh = float(np.maximum(day.could_kw - day.sun_kw, 0.0)[kept].sum()) * day.hours
    words = [f"bound for {bound_h:.1f} h"] if bound_h else []
    return _few(words + ([f"{lost_kwh:.1f} kWh of sun held back"] if lost_kwh >= 0.05 else []))


def _few(words: list[str], most: int = 3) -> str:
    more = [f"and {len(words) - most} more"] if len(words) > most else []
    return ", ".join(words[:most] + more)


def _cost(day: MeasuredDay, kept: Ints) -> float | None:
    if day.import_per_kwh is None or day.export_per_kwh is None:
        return None
    return metrics.energy_cost(
        day.net_kw[kept], day.hours, day.import_per_kwh[kept], day.export_per_kwh[kept]
    )


def _known(stored_kwh: Floats) -> Floats:
    """What is not known is as it was last, or before the first as it was first; (batteries, t)."""
    slots = np.arange(stored_kwh.shape[1])
    last = np.maximum.accumulate(np.where(np.isnan(stored_kwh), -1, slots), axis=1)
    first = np.argmax(~np.isnan(stored_kwh), axis=1)
    return np.take_along_axis(stored_kwh, np.where(last < 0, first[:, None], last), axis=1)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
