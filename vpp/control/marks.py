"""What goes on record beside measurements: why the plan did not have an asset, or all its room."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vpp.control.inputs import Alarm, Reason, TickResult
from vpp.domain.assets import Battery
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId, PoolId
from vpp.domain.ladder import Rung
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import ScopeKind
from vpp.domain.snapshot import Snapshot

Mark = tuple[str, Quantity]
"""A subject, and what holds of it now."""
WHY_AWAY = (Quantity.OFFLINE, Quantity.NOT_OBEYING, Quantity.BY_HAND, Quantity.BLIND)
"""Of batteries, the first that holds."""
_DISOBEYING = frozenset({"NOT_OBEYING", "FROZEN", "REFUSING", "FOREIGN_WRITER", "SIGN_SUSPECT"})
_AT_THE_END = ("charging limit", "discharging limit")
"""Terms that decide while storages can do no more."""


class Marker:
    """Asked once a tick."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._batteries: Sequence[tuple[AssetId, DeviceId, PoolId]] = [
            (asset, device, portfolio.pool_of_site[portfolio.assets[asset].site])
            for asset, device in portfolio.writer_of.items()
            if isinstance(portfolio.assets[asset], Battery)
        ]

    def marks(
        self,
        snapshot: Snapshot,
        results: Mapping[PoolId, TickResult[Any]],
        alarms: Iterable[Alarm],
    ) -> frozenset[Mark]:
        """What holds at this tick."""
        disobeying = {alarm.subject for alarm in alarms if alarm.code in _DISOBEYING}
        held = {
            reason.scope.id
            for result in results.values()
            for reason in result.reasons
            if reason.scope.kind is ScopeKind.ASSET
        }
        limited = [(pool, Quantity.LIMITED) for pool, one in results.items() if _is_limited(one)]
        return frozenset([*limited, *self._away(snapshot, results, disobeying, held)])

    def _away(
        self,
        snapshot: Snapshot,
        results: Mapping[PoolId, TickResult[Any]],
        disobeying: set[str],
        held: set[str],
    ) -> Iterator[Mark]:
        for asset, device, pool in self._batteries:
            state, result = snapshot.devices.get(device), results.get(pool)
            if state is None or not state.online:
                yield asset, Quantity.OFFLINE
            elif f"asset:{asset}" in disobeying:
                yield asset, Quantity.NOT_OBEYING
            elif asset in held or state.authority is not Authority.AUTO:
                yield asset, Quantity.BY_HAND
            elif result is None or result.rungs.get(asset) is Rung.SAFE_STATE:
                yield asset, Quantity.BLIND


def _is_limited(result: TickResult[Any]) -> bool:
    """Whether a node above left less than was wanted, or a proposal holds a node at the end."""
    reasons: Sequence[Reason] = result.reasons
    above = any(reason.binding == "a node above" for reason in reasons)
    node = any(r.scope.kind is ScopeKind.NODE and r.rung is not Rung.SAFE_STATE for r in reasons)
    return above or (node and any(reason.binding in _AT_THE_END for reason in reasons))
