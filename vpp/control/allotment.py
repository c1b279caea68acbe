"""A node's bounds shared among its members.

By the node's rule: pro rata to what each asks above its guaranteed minimum, if it declares none
(section 5 of the design's control page).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.network import Sharing

Band = tuple[float, float]
"""Least and most net, kW, positive is import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a pool asks of the nodes above it: nets in kW, positive is import."""

    least_kw: float
    """With its storages giving out, and its cars waiting."""
    base_kw: float
    """With its storages idle and its cars at their guaranteed minimum."""
    want_kw: float
    """What it would choose if nothing above bound it."""
    most_kw: float
    """With its storages charging and its sun held back."""
    worst_lo_kw: float
    """What it may be until every command in flight has been followed."""
    worst_hi_kw: float

    def __add__(self, other: "Request") -> "Request":
        return Request(
            least_kw=self.least_kw + other.least_kw,
            base_kw=self.base_kw + other.base_kw,
            want_kw=self.want_kw + other.want_kw,
            most_kw=self.most_kw + other.most_kw,
            worst_lo_kw=self.worst_lo_kw + other.worst_lo_kw,
            worst_hi_kw=self.worst_hi_kw + other.worst_hi_kw,
        )

    @property
    def path_kw(self) -> tuple[float, ...]:
        """Rising: first the wish above the minimum is given up, then the storages help."""
        want = min(max(self.want_kw, self.least_kw), self.most_kw)
        base = min(max(self.base_kw, self.least_kw), self.most_kw)
        return self.least_kw, min(base, want), want, max(base, want), self.most_kw


def share(
    band: Band, asked: Sequence[Request], rule: Sharing = Sharing.PRO_RATA
) -> tuple[Band, ...]:
    """A band for each member; as long as each keeps to its own, all of them keep the node's.

    Where even the least of all members is more than the node may have, each gets its least.
    """
    paths = np.array([request.path_kw for request in asked])
    sums = paths.sum(axis=0)
    total = float(np.clip(sums[2], *band))
    at_kw = _in_order(total, paths) if rule is Sharing.IN_ORDER else _pro_rata(total, paths)
    weight = paths[:, 4] - paths[:, 0] + 1e-9
    spare = weight / weight.sum()
    most = at_kw + spare * max(band[1] - total, 0.0) if np.isfinite(band[1]) else spare * np.inf
    least = at_kw - spare * max(total - band[0], 0.0) if np.isfinite(band[0]) else -spare * np.inf
    most = _in_time(most, np.array([request.worst_hi_kw for request in asked]))
    least = -_in_time(-least, np.array([-request.worst_lo_kw for request in asked]))
    return tuple((float(min(lo, hi)), float(hi)) for lo, hi in zip(least, most, strict=True))


def _pro_rata(total_kw: float, paths: Floats) -> Floats:
    sums = paths.sum(axis=0)
    return np.array([np.interp(total_kw, sums, path) for path in paths])


def _in_order(total_kw: float, paths: Floats) -> Floats:
    """The nearer a member is to the first, the later it leaves its wish, either way."""
    sums = paths.sum(axis=0)
    total_kw = float(np.clip(total_kw, sums[0], sums[-1]))
    at = int(np.clip(np.searchsorted(sums, total_kw, side="right") - 1, 0, len(sums) - 2))
    steps, left_kw = paths[:, at + 1] - paths[:, at], total_kw - sums[at]
    order = slice(None) if total_kw <= sums[2] else slice(None, None, -1)
    before = np.cumsum(steps[order]) - steps[order]
    taken = np.empty(len(steps))
    taken[order] = np.clip(left_kw - before, 0.0, steps[order])
    return np.asarray(paths[:, at] + taken)


def _in_time(most_kw: Floats, worst_kw: Floats) -> Floats:
    """The ends with every rise cut by what others have not yet come down by."""
    rise = np.maximum(most_kw - worst_kw, 0.0)
    late_kw, risen_kw = float(np.maximum(worst_kw - most_kw, 0.0).sum()), float(rise.sum())
    if late_kw <= 0 or not np.isfinite(risen_kw) or risen_kw <= 0:
        return most_kw
    return np.asarray(most_kw - rise * min(late_kw / risen_kw, 1.0))
