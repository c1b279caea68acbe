"""How the unmanaged net of a pool has been in the last weeks: what its figures are held against."""

from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats, Ints, frozen

HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lately:
    """Of one pool."""

    largest_kw: float
    """Highest mean of any slot."""
    mean_kw: float
    moved_kw_per_h: float
    """Sum of changes from slot to slot, over the hours."""
    import_kw: Floats
    """Mean import of the pool by hour of the day in UTC, shape (24,)."""
    site_import_kw: Floats
    """Mean of what the sites import, each for itself, summed, shape (24,)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "import_kw", frozen(self.import_kw))
        object.__setattr__(self, "site_import_kw", frozen(self.site_import_kw))

    @classmethod
    def of(cls, nets_kw: Floats, start_s: float, step_s: float) -> "Lately":
        """From the nets of its sites, shape (sites, slots); NaN where unknown, not everywhere."""
        known = np.asarray(np.isfinite(nets_kw).all(axis=0))
        hour = (((start_s + step_s * np.arange(len(known))) % 86400.0) // 3600.0).astype(np.int64)
        net_kw = nets_kw.sum(axis=0)
        moved = np.abs(np.diff(net_kw))
        moved = moved[np.isfinite(moved)]
        own_kw = np.maximum(nets_kw[:, known], 0.0).sum(axis=0)
        return cls(
            largest_kw=float(net_kw[known].max()),
            mean_kw=float(net_kw[known].mean()),
            moved_kw_per_h=float(moved.mean()) * 3600.0 / step_s if len(moved) else 0.0,
            import_kw=_by_hour(np.maximum(net_kw[known], 0.0), hour[known]),
            site_import_kw=_by_hour(own_kw, hour[known]),
        )


def _by_hour(values: Floats, hour: Ints) -> Floats:
    """Mean of each hour; of all where an hour was not seen."""
    sums, counts = np.bincount(hour, values, HOURS), np.bincount(hour, minlength=HOURS)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), values.mean()))
