"""The uncontrolled net of a group of sites, as a series like any other."""

from collections.abc import Iterator, Sequence

import numpy as np

from vpp.domain.arrays import frozen
from vpp.domain.forecast import ForecastRequest, Series
from vpp.domain.points import Quantity

SIGN = {Quantity.POWER_KW: 1.0, Quantity.AVAILABLE_KW: -1.0}


def net_series(request: ForecastRequest) -> Iterator[Series]:
    """Loads less sun of each group, in their order, NaN where one of them was not recorded.

    A group whose members were not recorded in the same slots has none.
    """
    for group in request.groups:
        parts = [
            one for one in request.series if one.subject in group.members and one.quantity in SIGN
        ]
        if len({(one.start, one.step_s, len(one.values_kw)) for one in parts}) == 1:
            values_kw = np.stack([SIGN[one.quantity] * one.values_kw for one in parts])
            net_kw = np.where(np.isfinite(values_kw), values_kw, np.nan).sum(axis=0)
            yield Series(
                subject=group.subject,
                quantity=Quantity.UNCONTROLLED_KW,
                start=parts[0].start,
                step_s=parts[0].step_s,
                values_kw=frozen(net_kw),
                running_kw=_running_kw(parts),
            )


def _running_kw(parts: Sequence[Series]) -> float | None:
    told = [SIGN[one.quantity] * one.running_kw for one in parts if one.running_kw is not None]
    return sum(told) if len(told) == len(parts) else None
