"""A comparison of forecasts as plain data, and as one page that needs nothing else."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from vpp.backtest.drawing import Line, plot
from vpp.backtest.forecast_quality import POOL, SUBJECTS, Comparison
from vpp.backtest.report import STYLE
from vpp.domain.arrays import Floats

HOUR_S = 3600.0


def slot_of(found: Comparison, lead_s: float) -> int:
    """The slot ahead that ends so long after the issue."""
    return max(round(lead_s / found.step_s), 1) - 1


def plain(found: Comparison, leads_s: Sequence[float]) -> dict[str, Any]:
    """Figures by subject, lead in hours and name."""
    return {
        "issues": found.issues,
        "first_issue": found.first.isoformat(),
        "last_issue": found.last.isoformat(),
        "slot_s": found.step_s,
        "sites": found.sites,
        "figures": [
            {
                "subject": subject,
                "lead_h": lead_s / HOUR_S,
                "forecast": name,
                **_figures(found, name, subject, slot_of(found, lead_s)),
            }
            for subject in SUBJECTS
            for lead_s in leads_s
            for name, quality in found.of.items()
            if subject in quality.mae_kw
        ],
    }


def _figures(found: Comparison, name: str, subject: str, slot: int) -> dict[str, Any]:
    quality = found.of[name]

    def of(values: Floats | None) -> float | None:
        return None if values is None else round(float(values[slot]), 6)

    return {
        "mae_kw": of(quality.mae_kw[subject]),
        "pinball_kw": of(quality.pinball_kw.get(subject)),
        "coverage": of(quality.coverage.get(subject)),
        "skill": {
            other: of(found.skill(name, other, subject))
            if quality_of.mae_kw[subject][slot]
            else None
            for other, quality_of in found.of.items()
            if other != name
        },
    }


def page(found: Comparison, leads_s: Sequence[float], name: str) -> str:
    """HTML; ``name``: of the record."""
    title = f"Forecasts of {name}"
    body = "".join(
        f"<h2>{escape(subject)}</h2>{_table(found, leads_s, subject)}{_errors(found, subject)}"
        for subject in SUBJECTS
        if all(subject in quality.mae_kw for quality in found.of.values())
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{found.issues} forecasts between {found.first:%Y-%m-%d %H:%M} and"
        f" {found.last:%Y-%m-%d %H:%M} UTC, {found.sites} sites, slots of"
        f" {found.step_s / 60.0:g} minutes; each was made from the record before its issue alone."
        f"</p>{body}<h2>coverage of the 10 to 90 % band: {POOL}</h2>{_coverage(found)}"
        f"</body></html>\n"
    )


def _table(found: Comparison, leads_s: Sequence[float], subject: str) -> str:
    others = list(found.of)
    heading = "".join(f"<th>skill against {escape(other)}</th>" for other in others[1:])
    rows = []
    for lead_s in leads_s:
        for name in found.of:
            figures = _figures(found, name, subject, slot_of(found, lead_s))
            cells = [figures["mae_kw"], figures["pinball_kw"], figures["coverage"]]
            cells += [figures["skill"].get(other) for other in others[1:]]
            rows.append(
                f"<tr><td>{lead_s / HOUR_S:g} h, {escape(name)}</td>"
                + "".join(f"<td>{'–' if c is None else format(c, '.3f')}</td>" for c in cells)
                + "</tr>"
            )
    return (
        f"<table><thead><tr><th>ahead</th><th>MAE kW</th><th>pinball kW</th><th>coverage</th>"
        f"{heading}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _errors(found: Comparison, subject: str) -> str:
    lines = [
        Line(name=name, x=_hours(found, quality.mae_kw[subject]), y=quality.mae_kw[subject])
        for name, quality in found.of.items()
    ]
    return plot(lines, x_name="hours ahead", y_name="mean absolute error, kW")


def _coverage(found: Comparison) -> str:
    lines = [
        Line(name=name, x=_hours(found, quality.coverage[POOL]), y=quality.coverage[POOL])
        for name, quality in found.of.items()
        if POOL in quality.coverage
    ]
    return plot(lines, x_name="hours ahead", y_name="part of what came")


def _hours(found: Comparison, values: Floats) -> Floats:
    return np.asarray((np.arange(len(values)) + 1) * found.step_s / HOUR_S)
