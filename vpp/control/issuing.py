"""From decided powers to what is written.

New values, refreshes, safe states, each with its life and its reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.inputs import Decision, Timing
from vpp.domain.arrays import Bools, Floats
from vpp.domain.assets import EvCharger
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.devices import SafeState
from vpp.domain.setpoint import LONGEST_LIFE_S, SHORTEST_LIFE_S, Setpoint

How = tuple[float, float, Form]
"""Bounds and form in which an asset is told its power."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Orders:
    """What leaves this tick, arrays of shape (assets,)."""

    power_kw: Floats
    """What each decided asset is told; for PV the ceiling, negative."""
    new: Bools
    refresh: Bools
    urgent: Bools
    safe: Bools
    """Leaves control and is sent to its safe state."""


def life_s(pool: CompiledPool, timing: Timing) -> Floats:
    """How long what is told now may hold, shape (assets,).

    Its life, or the tick where that is longer. Where a device carries so many that their turns come
    slower, two of them.

    The longest life where the register must not be refreshed. Ticks longer than a life exist only
    on recorded data; a setpoint that leaves never lives longer than ``LONGEST_LIFE_S``.
    """
    _, count = pool.turn
    apart_s = np.maximum(pool.write_interval_s, max(timing.write_interval_s, timing.tick_s))
    in_turn = np.where(count > 1, 2 * count * apart_s, 0.0)
    usual = np.clip(np.maximum(timing.life_s, in_turn), SHORTEST_LIFE_S, LONGEST_LIFE_S)
    return np.maximum(np.where(np.isfinite(pool.refresh_s), usual, LONGEST_LIFE_S), timing.tick_s)


def refresh_due(pool: CompiledPool, timing: Timing, since_s: Floats) -> Bools:
    """Whose setpoint must be renewed.

    Before half of its life is over, and where the register allows it.
    """
    every = np.minimum(np.maximum(pool.refresh_s, timing.refresh_s), life_s(pool, timing) / 2)
    return np.isfinite(pool.refresh_s) & (since_s >= every - 1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """In whose name, and why."""

    usual: str
    """Owner of what nobody directs, as "plan" or "rule"."""
    owners: Mapping[int, str]
    """By asset, of what somebody directs."""
    reason: Callable[[int], str]
    safe: Mapping[int, SafeState]
    """Declared safe state of assets that leave control."""


class _Writes:
    """Decisions by the position of their asset in the pool."""

    def __init__(self, pool: CompiledPool, expires_s: Floats) -> None:
        self._assets, self._devices = pool.assets, pool.devices
        self._device_of: list[int] = pool.device_of.tolist()
        self._expires_s: list[float] = expires_s.tolist()

    def decision(self, at: int, how: How, kind: WriteClass, owner: str, reason: str) -> Decision:
        lo_kw, hi_kw, form = how
        setpoint = Setpoint(
            asset=self._assets[at],
            form=form,
            lo_kw=lo_kw,
            hi_kw=hi_kw,
            expires_s=self._expires_s[at],
            owner=owner,
            reason=reason,
        )
        device = self._devices[self._device_of[at]]
        return Decision(asset=setpoint.asset, device=device, setpoint=setpoint, write_class=kind)


def decisions(
    pool: CompiledPool, orders: Orders, now_s: float, lives: Floats, voice: Voice
) -> tuple[Decision, ...]:
    """One decision for each asset that is written.

    Args:
        pool: The pool.
        orders: What leaves.
        now_s: City monotonic.
        lives: From ``life_s``.
        voice: In whose name, and why.
    """
    writes = _Writes(pool, now_s + np.minimum(lives, LONGEST_LIFE_S))
    power_kw, urgent, new = (a.tolist() for a in (orders.power_kw, orders.urgent, orders.new))
    found: list[Decision] = []
    for at in np.flatnonzero(orders.new | orders.refresh).tolist():
        kind = WriteClass.REFRESH
        if new[at]:
            kind = WriteClass.PROTECTION if urgent[at] else WriteClass.COMMAND
        owner = voice.owners.get(at, voice.usual)
        how = told(pool, at, power_kw[at])
        found.append(writes.decision(at, how, kind, owner, voice.reason(at)))
    for at in np.flatnonzero(orders.safe).tolist():
        how = _safe(pool, at, voice.safe[at])
        reason = f"leaves control: declared safe state {voice.safe[at]}"
        found.append(writes.decision(at, how, WriteClass.PROTECTION, "safety", reason))
    return tuple(found)


def told(pool: CompiledPool, at: int, power_kw: float) -> How:
    """A ceiling for cars and PV where they take one."""
    if Form.CEILING in pool.forms[at] and not pool.battery[at]:
        if pool.pv[at]:
            return power_kw, float("inf"), Form.CEILING
        return float("-inf"), power_kw, Form.CEILING
    return power_kw, power_kw, Form.TARGET


def _safe(pool: CompiledPool, at: int, state: SafeState) -> How:
    forms, asset = pool.forms[at], pool.asset[at]
    if state is SafeState.AUTONOMOUS and Form.RELEASE in forms:
        return float("-inf"), float("inf"), Form.RELEASE
    if state is SafeState.FLOOR and isinstance(asset, EvCharger):
        return told(pool, at, asset.floor_kw)
    return (0.0, 0.0, Form.STOP) if Form.STOP in forms else told(pool, at, 0.0)
