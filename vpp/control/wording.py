"""Reasons and alarms: a code, a subject, and a text that a person can act on."""

from collections.abc import Iterable

import numpy as np

from vpp.control import phase_currents
from vpp.control.allotment import Request
from vpp.control.arbiter import Verdict
from vpp.control.compiled import CompiledPool
from vpp.control.inputs import Alarm, Handed, Reason
from vpp.control.pool_power import Terms
from vpp.control.scene import Scene
from vpp.control.serving import Served, Store
from vpp.domain.arrays import Bools, Floats
from vpp.domain.ladder import Rung
from vpp.domain.proposal import Scope, ScopeKind

SHORT_KW = 0.01


def of_pool(pool: CompiledPool, served: Served, terms: Terms, store: Store) -> Reason:
    return Reason(
        scope=Scope(kind=ScopeKind.POOL, id=pool.pool),
        rung=terms.rung,
        binding=served.binding,
        text=_sentence(served, terms),
        net_kw=served.net_kw,
        power_kw=served.power_kw,
        worth=served.worth,
        marginal=served.marginal,
        rule_kw=min(max(-served.net_kw, store.lo_kw), store.hi_kw),
        stored_kwh=store.energy_kwh,
    )


def _sentence(served: Served, terms: Terms) -> str:
    unit = terms.costs.unit
    does = "stores" if served.power_kw > 0 else "gives out"
    head = (
        f"{does} {abs(served.power_kw):.1f} kW of {served.net_kw:.1f} kW net"
        if abs(served.power_kw) >= SHORT_KW
        else f"storages idle at {served.net_kw:.1f} kW net"
    )
    return (
        f"{head}: {served.binding}; a stored kWh is worth {served.worth:.3g} "
        f"against {served.marginal:.3g} {unit} now"
    )


def of_directed(pool: CompiledPool, verdict: Verdict, power_kw: Floats, rung: Rung) -> list[Reason]:
    """Why assets and rows are not where the pool alone would put them."""
    powers: list[float] = power_kw.tolist()
    found = [
        Reason(
            scope=by.scope,
            rung=rung,
            binding=f"{by.owner}'s {by.id}",
            text=by.reason,
            power_kw=powers[at],
        )
        for at, by in verdict.asset_owner.items()
    ]
    found += [
        Reason(
            scope=Scope(kind=ScopeKind.NODE, id=pool.rows.names[row]),
            rung=rung,
            binding=f"{by.owner}'s {by.id}",
            text=by.reason,
        )
        for row, by in verdict.row_owner.items()
    ]
    return found


def of_handed(pool: CompiledPool, handed: Handed, request: Request, rung: Rung) -> list[Reason]:
    """Why the pool may not have the net it would choose."""
    low = request.want_kw < handed.lo_kw - SHORT_KW
    if not low and request.want_kw <= handed.hi_kw + SHORT_KW:
        return []
    end, end_kw = ("at least", handed.lo_kw) if low else ("at most", handed.hi_kw)
    return [
        Reason(
            scope=Scope(kind=ScopeKind.POOL, id=pool.pool),
            rung=rung,
            binding="a node above",
            text=f"would take {request.want_kw:.1f} kW from the grid and is left {end} "
            f"{end_kw:.1f} kW: {handed.source}, shared among the pools",
        )
    ]


def of_dark(pool: CompiledPool, dark: Bools) -> list[Reason]:
    return [
        Reason(
            scope=Scope(kind=ScopeKind.NODE, id=pool.rows.names[row]),
            rung=Rung.SAFE_STATE,
            binding="blind spot",
            text="its meter is silent for three freshness limits: safe state beneath it",
        )
        for row in np.flatnonzero(dark)
    ]


def alarms(scene: Scene, overloads: Iterable[Alarm], overruled: Bools) -> tuple[Alarm, ...]:
    """Everything that a person should know now.

    Args:
        scene: What the tick stands on.
        overloads: Of rows that are over their limits.
        overruled: Assets whose proposals give way to what is known of a row above them.
    """
    pool, sight, memory = scene.pool, scene.sight, scene.standing.memory
    rows = scene.ground.memory
    heard = np.isfinite(rows.residual_kw)
    found = list(scene.verdict.alarms)
    found += _of_rows(
        pool,
        pool.metered & ~sight.net.good & ~rows.blind & heard,
        "STALE_METER",
        "its meter is stale: no increase beneath it",
    )
    found += _of_rows(
        pool,
        rows.blind,
        "FEEDER_BLIND",
        "nothing measures it: safe state beneath it; check its meter and link",
    )
    found += _of_rows(
        pool,
        phase_currents.unmeasured(pool, sight),
        "CURRENTS_UNMEASURED",
        "its limit in A per phase holds what is beneath, since no meter tells its currents: "
        "batteries and cars may only take and give less; let its meter tell all three currents",
    )
    found += _of_assets(
        pool,
        scene.stored.doubtful,
        "SOC_DOUBTFUL",
        "state of charge contradicts the energy that flowed: the worse of both counts",
    )
    barred = (sight.now_s < memory.barred_until_s) & (memory.strikes > 0)
    found += _of_assets(
        pool,
        barred,
        "NOT_OBEYING",
        "does not follow: in its safe state, tried again later; check its mode",
    )
    found += _of_assets(
        pool,
        memory.unknown,
        "UNKNOWN_OUTCOME",
        "its last command was not answered: the worse of old and new counts",
    )
    found += [_given_way(pool, scene.verdict, at) for at in np.flatnonzero(overruled).tolist()]
    found += overloads
    return tuple({(a.code, a.subject): a for a in found}.values())


def _of_rows(pool: CompiledPool, marked: Bools, code: str, text: str) -> Iterable[Alarm]:
    return [
        Alarm(code=code, subject=f"node:{pool.rows.names[row]}", text=text)
        for row in np.flatnonzero(marked)
    ]


def _of_assets(pool: CompiledPool, marked: Bools, code: str, text: str) -> Iterable[Alarm]:
    return [
        Alarm(code=code, subject=f"asset:{pool.assets[at]}", text=text)
        for at in np.flatnonzero(marked)
    ]


def _given_way(pool: CompiledPool, verdict: Verdict, at: int) -> Alarm:
    by = verdict.asset_owner[at]
    above = [
        verdict.row_owner[row].id for row in pool.rows.chain[:, at] if row in verdict.row_owner
    ]
    limit = " and ".join(above) or "the rating of a node above it"
    return Alarm(
        code="CONFLICT",
        subject=f"asset:{pool.assets[at]}",
        text=f"{by.owner}'s {by.id} ({by.reason}) gives way to {limit}",
    )
