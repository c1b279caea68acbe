"""Scores of days as people read them."""

from collections.abc import Iterable

from rich.table import Table

from vpp.domain.day import DayScore, Reached


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:z.1f} %"


def in_a_line(scores: Iterable[DayScore]) -> str:
    """The newest day of these, pool by pool; empty where there is none."""
    every = tuple(scores)
    newest = max((one.date for one in every), default=None)
    if newest is None:
        return ""
    told = "; ".join(_briefly(one) for one in every if one.date == newest)
    return f"{newest:%a %d %b}: {told}"


def _briefly(score: DayScore) -> str:
    of = score.reached
    if of is None:
        return f"{score.pool} not judged, {percent(score.completeness)} measured"
    cost = "" if of.cost is None else f", cost {_cost(of)}"
    return (
        f"{score.pool} self-consumption {percent(of.self_consumption)}{cost},"
        f" regret {of.regret:z,.1f} {of.unit} ({percent(of.regret_part)} of demand)"
    )


def table(scores: Iterable[DayScore]) -> Table:
    """A row per pool and day."""
    made = Table(title="Scored days", title_justify="left")
    made.add_column("day", no_wrap=True)
    made.add_column("pool")
    for name in (
        "measured", "self-cons.", "self-suff.", "import", "15 min peak", "cost", "regret",
        "of demand",
    ):  # fmt: skip
        made.add_column(name, justify="right")
    for one in scores:
        colour = "yellow" if one.bad else None
        cells = f"{one.date:%a %d %b %Y}", one.pool, percent(one.completeness), *_cells(one)
        made.add_row(*cells, style=colour)
    return made


def _cells(score: DayScore) -> tuple[str, ...]:
    of = score.reached
    if of is None:
        return ("–",) * 7
    return (
        percent(of.self_consumption),
        percent(of.self_sufficiency),
        f"{of.import_kwh:,.0f} kWh",
        f"{of.peak_kw:,.1f} kW",
        _cost(of),
        f"{of.regret:z,.1f} {of.unit}",
        percent(of.regret_part),
    )


def _cost(of: Reached) -> str:
    return "–" if of.cost is None else f"{of.cost:,.0f} {of.currency}"
