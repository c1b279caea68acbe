"""A history that remembers while it lives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.history import Mean
from vpp.domain.points import Quantity


@dataclass
class Remembering:
    """A history in memory."""

    means: dict[tuple[str, Quantity], dict[float, Mean]] = field(default_factory=dict)

    async def append(self, means: Sequence[Mean]) -> None:
        for mean in means:
            kept = self.means.setdefault((mean.subject, mean.quantity), {})
            kept[mean.start.timestamp()] = mean

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        found = np.full(round((end - start).total_seconds() / step_s), np.nan)
        for at_s, mean in self.means.get((subject, quantity), {}).items():
            slot = round((at_s - start.timestamp()) / step_s)
            if 0 <= slot < len(found) and mean.coverage >= 0.5:
                found[slot] = mean.value
        return found
