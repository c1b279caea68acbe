"""A plan as JSON: all that it hands over, arrays by slot, units in the names.

What each key means stands in ``docs/reference/plan.md``.
"""

from typing import Any

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.curve import SlotCosts, ValueCurve
from vpp.domain.plan import Certificate, Envelope, Explanation, ForecastNote, Plan
from vpp.runtime.one_plan import OnePlan

DECIMALS = 4
"""Of powers and energies: 0.1 W, 0.1 Wh."""


def plain(made: OnePlan, currency: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "unforecast": dict(made.unforecast),
        "notes": list(made.notes),
        "troubles": dict(made.troubles),
        "plans": {pool: plain_plan(one) for pool, one in made.plans.items()},
    }


def plain_plan(one: Plan) -> dict[str, Any]:
    schedule = one.schedule
    return {
        "pool": one.pool,
        "issued_at": one.issued_at.isoformat(),
        "order": one.order,
        "slots": [start.isoformat() for start in one.grid.starts],
        "slot_hours": one.grid.hours.tolist(),
        "load_kw": _rounded(load_kw(one)),
        "grid_kw": _rounded(schedule.grid_kw),
        "power_kw": {
            asset: _rounded(row)
            for asset, row in zip(schedule.assets, schedule.power_kw, strict=True)
        },
        "stored_kwh": {
            asset: _rounded(row)
            for asset, row in zip(schedule.assets, schedule.energy_kwh, strict=True)
            if not np.isnan(row).any()
        },
        "stocks": {
            stock.store: {
                "unit": stock.unit,
                "content": _rounded(stock.content),
                "served": _rounded(stock.served),
            }
            for stock in schedule.stocks
        },
        "value_curve": _curve(one.curve, one.costs.unit),
        "slot_costs": _costs(one.costs),
        "bands": {
            band.node: {"lo_kw": _rounded(band.lo_kw), "hi_kw": _rounded(band.hi_kw)}
            for band in one.bands
        },
        "corridors": {
            c.asset: {"lo_kwh": _rounded(c.lo_kwh), "hi_kwh": _rounded(c.hi_kwh)}
            for c in one.corridors
        },
        "envelopes": [_envelope(envelope) for envelope in one.envelopes],
        "share_worth_per_kwh": None
        if one.share_worth is None
        else {
            asset: _listed(row)
            for asset, row in zip(one.share_assets, one.share_worth, strict=True)
        },
        "least_net_kw": None if one.least_net_kw is None else _rounded(one.least_net_kw),
        **_explanation(one.explanation),
    }


def load_kw(one: Plan) -> Floats:
    """What nobody steers, shape (slots,): the grid's power less that of the planned assets."""
    return np.asarray(one.schedule.grid_kw - one.schedule.power_kw.sum(axis=0))


def _curve(curve: ValueCurve, unit: str) -> dict[str, Any]:
    return {
        "unit": unit,
        "energy_kwh": _listed(curve.energy_kwh),
        "grid_kw": _listed(curve.grid_kw),
        "later_cost": _listed(curve.cost),
    }


def _costs(costs: SlotCosts) -> dict[str, Any]:
    return {
        "unit": costs.unit,
        "import_per_kwh": _listed(costs.import_weight),
        "export_per_kwh": _listed(costs.export_weight),
        "flatten_per_kw2_h": _listed(costs.flatten),
        "peak_threshold_kw": _listed(costs.peak_threshold_kw),
        "peak_per_kw_h": _listed(costs.peak_weight),
        "ramp_per_kw": _listed(costs.ramp_weight),
    }


def _envelope(envelope: Envelope) -> dict[str, Any]:
    return {
        "asset": envelope.asset,
        "appointment": envelope.appointment,
        "least_kwh": _rounded(envelope.least_kwh),
        "most_kwh": _rounded(envelope.most_kwh),
        "worth_per_kwh": envelope.worth,
    }


def _explanation(explained: Explanation) -> dict[str, Any]:
    return {
        "planner": explained.planner,
        "cause": explained.cause,
        "solve_cpu_s": explained.solve_cpu_s,
        "certificate": _certificate(explained.certificate),
        "stages": {stage.stage: [stage.value, stage.unit] for stage in explained.stages},
        "slacks": [
            [
                slack.what, slack.amount, slack.unit, slack.limited_by, slack.dual,
                slack.first_slot, slack.last_slot,
            ]
            for slack in explained.slacks
        ],
        "bindings": [
            [
                one.node, one.limit, one.stage, one.dual, one.unit, one.first_slot, one.last_slot,
            ]
            for one in explained.bindings
        ],
        "forecasts": [
            [note.subject, note.source, note.issued_at.isoformat(), _age_s(note)]
            for note in explained.forecasts
        ],
        "notes": list(explained.notes),
    }  # fmt: skip


def _certificate(found: Certificate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "max_violation": found.max_violation,
        "overlaps": found.overlaps,
        "repaired": found.repaired,
    }


def _age_s(note: ForecastNote) -> float | None:
    """JSON has no infinity, the age of a record that is empty."""
    return note.input_age_s if np.isfinite(note.input_age_s) else None


def _rounded(values: Floats) -> Any:
    return _listed(values.round(DECIMALS))


def _listed(values: Floats) -> Any:
    """As nested lists; JSON has no infinity, which here is a bound that is none."""
    listed = values.astype(object)
    listed[~np.isfinite(values)] = None
    return listed.tolist()
