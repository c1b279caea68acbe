"""When what was told really came into force: a queue, a disk or the wire may hold a command up.

While nobody has said otherwise a command counts as gone in its tick. The write gate tells when it
left; and a sample that does not show it yet tells that it has not arrived.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.expected_power import IN_FLIGHT_KW, Recall
from vpp.control.inputs import CommandNews
from vpp.control.sight import Sight
from vpp.control.state import Trace
from vpp.domain.arrays import Bools, Floats
from vpp.domain.outcome import Outcome

SAME_KW = 1e-6
AFTER_S = 1e-3
STAYED = (Outcome.REFUSED, Outcome.EXPIRED, Outcome.SUPERSEDED)


def heard(
    trace: tuple[Trace, ...], pool: CompiledPool, news: Iterable[CommandNews]
) -> tuple[Trace, ...]:
    """The trace with the times at which commands left, as the news tells them."""
    sent_s, told_kw = np.full(pool.count, np.nan), np.full(pool.count, np.nan)
    for item in news:
        at = None if item.outcome in STAYED else pool.asset_at.get(item.asset)
        if at is not None:
            bounds = item.setpoint.target_kw, item.setpoint.hi_kw
            sent_s[at], told_kw[at] = item.sent_s, next(filter(np.isfinite, bounds), np.nan)
    if not trace or np.isnan(sent_s).all():
        return trace
    told_s = np.array([t.told_s for t in trace])
    same = np.abs(np.array([t.told_kw for t in trace]) - told_kw) <= SAME_KW
    same &= told_s <= sent_s
    newest_s = np.where(same, told_s, -np.inf).max(axis=0)
    return _left(trace, pool, same & (told_s == newest_s), sent_s)


def delayed(trace: tuple[Trace, ...], pool: CompiledPool, sight: Sight) -> tuple[Trace, ...]:
    """The trace with commands put off that the newest sample of their asset does not show yet."""
    if not trace or not (np.abs(trace[-1].told_kw - trace[-1].measured_kw) > IN_FLIGHT_KW).any():
        return trace
    recall, last = Recall.of(trace, pool), trace[-1]
    newer = sight.power.good & (sight.power.at_s > last.measured_s) & np.isfinite(last.measured_s)
    now_s = np.where(newer, sight.power.at_s, last.time_s)
    before_s = np.where(newer, last.measured_s, last.time_s)
    due_kw = recall.expected(now_s)
    stayed_kw = np.abs(sight.power.values - last.measured_kw)
    missed = newer & (np.abs(due_kw - recall.expected(before_s)) > IN_FLIGHT_KW)
    missed &= stayed_kw < np.abs(sight.power.values - due_kw)
    if not missed.any():
        return trace
    told_s = np.array([t.told_s for t in trace])
    acting = np.maximum((recall.left_s <= now_s - pool.dead_s).sum(axis=0) - 1, 0)
    late = missed & (told_s == told_s[acting, np.arange(pool.count)])
    return _left(trace, pool, late, now_s - pool.dead_s + AFTER_S)


def _left(
    trace: tuple[Trace, ...], pool: CompiledPool, which: Bools, left_s: Floats
) -> tuple[Trace, ...]:
    """The trace with these times of departure, shape (ticks, assets), and what follows of them.

    Nothing follows of a time before which an asset was never measured: then its sample stands.
    """
    found = [
        replace(t, left_s=np.where(here, left_s, t.left_s))
        for t, here in zip(trace, which, strict=True)
    ]
    changed = which.any(axis=0)
    for k in range(1, len(found)):
        if which[: k + 1].any():
            now_s = np.full(pool.count, found[k].time_s)
            expected_kw = Recall.of(tuple(found[:k]), pool).expected(now_s)
            known = changed & np.isfinite(expected_kw)
            found[k] = replace(
                found[k], expected_kw=np.where(known, expected_kw, found[k].expected_kw)
            )
    return tuple(found)
