"""``report.html``: one page that needs nothing else, neither network nor files."""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from vpp.backtest.drawing import Line, plot
from vpp.backtest.figures import Figures, all_runs, lost_per_slot
from vpp.backtest.rules_run import Run
from vpp.backtest.score import Score, pool_nets
from vpp.backtest.study import Answer
from vpp.domain.arrays import Floats

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;width:100%;font-size:13px}
td,th{text-align:right;padding:3px 6px;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
tbody tr:first-child{font-weight:600}
svg{width:100%;font:11px system-ui,sans-serif}
polyline{fill:none;stroke-width:1.3}
.g{stroke:#e4e4e4}.r{text-anchor:end}.m{text-anchor:middle}
"""
COLUMNS: tuple[tuple[str, Callable[[Score], float], str], ...] = (
    ("self-consumption", lambda s: s.self_consumption, ".4f"),
    ("without credit", lambda s: s.uncredited_self_consumption, ".4f"),
    ("self-sufficiency", lambda s: s.self_sufficiency, ".4f"),
    ("cost", lambda s: s.cost, ",.0f"),
    ("CO2 kg", lambda s: s.co2_kg, ",.0f"),
    ("peak kW", lambda s: s.peak_kw, ",.1f"),
    ("daily peak kW", lambda s: s.mean_daily_peak_kw, ",.1f"),
    ("ramping kW", lambda s: s.ramping_kw, ",.0f"),
    ("cycles", lambda s: s.cycles, ",.1f"),
)
PLANNED_DAYS = 7
MOST_TICKS = 8


def page(answer: Answer, found: Figures) -> str:
    """The whole page."""
    recording = answer.recording
    title = f"{answer.run.name}, order {answer.goals.order}"
    span = f"{recording.grid.start:%Y-%m-%d %H:%M} to {recording.grid.end:%Y-%m-%d %H:%M} UTC"
    sections = [
        ("How good it was", _table(found) + _regret(found)),
        ("Energy by day", _energy(answer)),
        ("Stored energy", _stored(answer)),
        ("Plan and what came of it", _planned(answer)),
        ("Duration of grid power", _duration(answer)),
        ("What stored energy was worth", _worth(answer)),
        ("Regret by day", _daily_regret(answer, found)),
    ]
    body = "".join(f"<h2>{escape(name)}</h2>{part}" for name, part in sections)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{len(recording.sites)} sites, {len(recording.storage)} batteries,"
        f" {len(recording.sessions)} car sessions; {span}, slots of"
        f" {recording.hours * 60:g} minutes. {_thinking(answer)}</p>{body}</body></html>\n"
    )


def _thinking(answer: Answer) -> str:
    asked = answer.asked
    if not asked.plans and not asked.refused:
        return "No plan was made."
    return escape(
        f"Forecast {answer.ask.forecast}, planner {answer.ask.planner}, allowance"
        f" {answer.goals.allowance:g} ({answer.allowance_by}): {asked.plans} plans made,"
        f" {len(asked.refused)} refused."
    )


def _table(found: Figures) -> str:
    heading = "".join(f"<th>{name}</th>" for name, *_ in COLUMNS)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{_cell(read(row), form)}</td>" for _, read, form in COLUMNS)
        + f"<td>{_cell(found.grid_scores[name], '.3f')}</td></tr>"
        for name, row in found.scores.items()
    )
    return (
        f"<table><thead><tr><th>controller</th>{heading}<th>CityLearn 2022</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _cell(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "–"


def _regret(found: Figures) -> str:
    parts = ", ".join(f"{name} {value:,.2f}" for name, value in found.regret.items())
    return f"<p>Regret against perfect foresight in {found.unit}: {escape(parts)}.</p>"


def _ticks(answer: Answer, first: int = 0, last: int | None = None) -> list[str]:
    edges_s = answer.recording.grid.edges_s[first : None if last is None else last + 1]
    places = np.linspace(0, len(edges_s) - 1, MOST_TICKS).round().astype(int)
    stamps = edges_s[places].astype("datetime64[s]").astype(str)
    return [stamp[:10] if len(edges_s) > 24 * 10 else stamp[5:16] for stamp in stamps.tolist()]


def _by_day(answer: Answer, values: Floats) -> Floats:
    day = answer.recording.day
    return np.bincount((day - day[0]).astype(np.int64), values).astype(np.float64)


def _daily(answer: Answer, lines: Sequence[tuple[str, Floats]], y_name: str, *, bars: bool) -> str:
    drawn = []
    for name, values in lines:
        sums = _by_day(answer, values)
        drawn.append(Line(name=name, x=np.arange(len(sums), dtype=float), y=sums, bars=bars))
    return plot(drawn, x_name="day (UTC dates)", y_name=y_name, ticks=_ticks(answer))


def _energy(answer: Answer) -> str:
    recording, run, hours = answer.recording, answer.run, answer.recording.hours
    net_kw = pool_nets(run, recording, answer.pools)
    return _daily(
        answer,
        [
            ("demand", (recording.load_kw + run.ev_kw).sum(axis=0) * hours),
            ("sun", recording.pv_kw.sum(axis=0) * hours),
            ("import", np.maximum(net_kw, 0).sum(axis=0) * hours),
            ("export", np.maximum(-net_kw, 0).sum(axis=0) * hours),
        ],
        "kWh a day",
        bars=False,
    )


def _stored(answer: Answer) -> str:
    whole = max(float(answer.recording.storage.high_kwh.sum()), 1e-9)
    x = np.arange(len(answer.recording.grid) + 1, dtype=float)
    lines = [
        Line(name=run.name, x=x, y=run.stored_kwh.sum(axis=0) / whole)
        for run in (answer.run, answer.bound)
    ]
    return plot(lines, x_name="UTC", y_name="stored, 0 to 1", ticks=_ticks(answer))


def _planned(answer: Answer) -> str:
    expected_kw = answer.asked.expected_kw
    if expected_kw is None:
        return "<p>No plan was made.</p>"
    week = round(PLANNED_DAYS * 24 / answer.recording.hours)
    last = min(max(answer.look_at + week // 2, week), len(answer.recording.grid))
    first = max(last - week, 0)
    x = np.arange(first, last, dtype=float)
    net_kw = pool_nets(answer.run, answer.recording, answer.pools).sum(axis=0)
    lines = [
        Line(name="measured", x=x, y=net_kw[first:last]),
        Line(name="by the newest plan", x=x, y=expected_kw.sum(axis=0)[first:last]),
    ]
    return plot(lines, x_name="UTC", y_name="grid kW", ticks=_ticks(answer, first, last))


def _duration(answer: Answer) -> str:
    lines = []
    for name, run in all_runs(answer).items():
        net_kw = np.sort(pool_nets(run, answer.recording, answer.pools).sum(axis=0))[::-1]
        x = np.linspace(0, 100, len(net_kw))
        lines.append(Line(name=name, x=x, y=net_kw))
    return plot(lines, x_name="% of the time", y_name="grid kW, highest first")


def _worth(answer: Answer) -> str:
    at, plans = answer.recording.grid.starts[answer.look_at], answer.asked.chosen
    lines = []
    for pool, plan in plans.items():
        slot = plan.grid.index(at)
        if slot is None:
            continue
        curve = plan.curve
        low, high = float(curve.energy_kwh[0]), float(curve.energy_kwh[-1])
        energy = np.linspace(low, low + (high - low) * 0.999, 100)
        power_kw = float(plan.schedule.grid_kw[slot])
        worth = np.array([curve.worth(slot, one, power_kw) for one in energy.tolist()])
        lines.append(Line(name=str(pool), x=energy, y=worth))
    if not lines:
        return "<p>No plan was made.</p>"
    drawn = plot(lines, x_name="stored kWh at the slot's end", y_name="worth of the next kWh")
    return f"<p>In the slot that begins {at:%Y-%m-%d %H:%M} UTC.</p>{drawn}"


def _daily_regret(answer: Answer, found: Figures) -> str:
    best = lost_per_slot(answer.bound, answer)

    def over(run: Run) -> Floats:
        return lost_per_slot(run, answer) - best

    return _daily(answer, [(answer.run.name, over(answer.run))], found.unit, bars=True)
