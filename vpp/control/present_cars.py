"""What the cars that are there change of their stations: phases, and the least that they take."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from vpp.control.compiled import PHASE_KV, CompiledPool
from vpp.domain.ids import AssetId
from vpp.domain.session import EvSession

Changes = tuple[tuple[int, float], ...]
"""By position of the charger."""


def with_cars(pool: CompiledPool, sessions: Mapping[AssetId, EvSession | None]) -> CompiledPool:
    """The pool with the currents and the floors of the cars that are there.

    On which of its station's phases a car charges that has fewer is not known, so its amperes count
    on each, as those of an unknown single phase do.
    """
    there = [
        (at, charger, session)
        for at, charger in pool.chargers
        if (session := sessions.get(charger.id)) is not None
    ]
    phases: Changes = tuple(
        (at, fewer)
        for at, charger, session in there
        if len(pool.phases) and (fewer := session.fewer_phases(charger)) is not None
    )
    floors_kw: Changes = tuple(
        (at, floor_kw)
        for at, charger, session in there
        if (floor_kw := session.floor_kw(charger)) > charger.floor_kw
    )
    return _changed(pool, phases, floors_kw) if phases or floors_kw else pool


@lru_cache(maxsize=64)
def _changed(pool: CompiledPool, phases: Changes, floors_kw: Changes) -> CompiledPool:
    """Once for each set of cars, for much else is kept per pool."""
    a_per_kw, floor_kw = pool.phases.a_per_kw.copy(), pool.car_floor_kw.copy()
    for at, count in phases:
        a_per_kw[pool.phases.member == at] = 1.0 / (count * PHASE_KV)
    for at, least_kw in floors_kw:
        floor_kw[at] = least_kw
    return replace(pool, phases=replace(pool.phases, a_per_kw=a_per_kw), car_floor_kw=floor_kw)
