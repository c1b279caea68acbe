"""Columns that take power from the network: what connects the asset blocks to the balance rows."""

from dataclasses import dataclass

from vpp.domain.arrays import Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Injection:
    """Columns of power by site and slot; the three arrays broadcast together."""

    site: Ints
    slot: Ints
    column: Ints
    sign: float
    """1 where the column consumes, -1 where it produces."""
