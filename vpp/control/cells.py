"""Every value that a device may bring has one cell; several for the same thing are ranked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vpp.control.inputs import Timing
from vpp.domain.arrays import Ints, frozen_ints
from vpp.domain.devices import Device
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, MeterId
from vpp.domain.points import Point, Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Layout

MISSED_POLLS = 3
"""A value is stale at the latest when this many rounds in a row did not come."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One quantity of one subject as one device brings it."""

    device: DeviceId
    point: Point
    rank: int
    freshness_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Cells of one column by preference, shape (ranks, subjects).

    The last cell of all stands for "none".
    """

    ranked: Ints

    def pick(self, quality: npt.NDArray[np.uint8]) -> Ints:
        """The cell of each subject, shape (subjects,): best quality, preferred source."""
        chosen: Ints = self.ranked[0]
        for fallback in self.ranked[1:]:
            chosen = np.where(quality[fallback] < quality[chosen], fallback, chosen)
        return chosen


@dataclass(frozen=True, eq=False)
class Cells:
    """All cells of a portfolio and where each column finds them."""

    all: tuple[Cell, ...]
    assets: Mapping[Quantity, Choice]
    meters: Mapping[Quantity, Choice]
    by_device: Mapping[DeviceId, Mapping[Point, int]]

    @property
    def none(self) -> int:
        """Index of the cell that never holds anything."""
        return len(self.all)


def poll_period_s(facts: DeviceFacts, timing: Timing) -> float:
    """City seconds between two polls: no faster than the tick."""
    return max(facts.poll_period_s, timing.tick_s)


def allot(portfolio: Portfolio, facts: Mapping[DeviceId, DeviceFacts], timing: Timing) -> Cells:
    """One cell for everything that the devices' entries name as read."""
    cells = tuple(
        cell
        for device in portfolio.devices.values()
        for cell in _of_device(device, facts.get(device.id, DeviceFacts()), timing)
    )
    by_device: dict[DeviceId, dict[Point, int]] = {device: {} for device in portfolio.devices}
    for index, cell in enumerate(cells):
        by_device[cell.device][cell.point] = index
    layout = layout_of(portfolio)
    return Cells(
        all=cells,
        assets=_choices(cells, layout.assets),
        meters=_choices(cells, layout.meters),
        by_device=by_device,
    )


def layout_of(portfolio: Portfolio) -> Layout:
    """Positions of every asset and meter, in the order of the city file."""
    return Layout(assets=tuple(portfolio.assets), meters=tuple(portfolio.meters))


def _of_device(device: Device, facts: DeviceFacts, timing: Timing) -> Iterator[Cell]:
    freshness_s = max(timing.freshness_s, MISSED_POLLS * poll_period_s(facts, timing))
    for carried in device.carries:
        reads = dict(carried.reads)
        if carried.writes:
            reads.setdefault(Quantity.SETPOINT_KW, 0)
        for quantity, rank in reads.items():
            yield Cell(
                device.id, Point(subject=carried.subject, quantity=quantity), rank, freshness_s
            )


def _choices(
    cells: tuple[Cell, ...], subjects: tuple[AssetId, ...] | tuple[MeterId, ...]
) -> Mapping[Quantity, Choice]:
    position = {subject: i for i, subject in enumerate(subjects)}
    sources: dict[Quantity, dict[int, list[int]]] = {}
    for index, cell in enumerate(cells):
        if cell.point.subject in position:
            by_subject = sources.setdefault(cell.point.quantity, {})
            by_subject.setdefault(position[cell.point.subject], []).append(index)
    return {
        quantity: _choice(by_subject, cells, len(subjects))
        for quantity, by_subject in sources.items()
    }


def _choice(by_subject: Mapping[int, list[int]], cells: tuple[Cell, ...], subjects: int) -> Choice:
    ranks = max(len(found) for found in by_subject.values())
    ranked = np.full((ranks, subjects), len(cells), dtype=np.int64)
    for subject, found in by_subject.items():
        found.sort(key=lambda index: cells[index].rank)
        ranked[: len(found), subject] = found
    return Choice(frozen_ints(ranked))
