"""What the daemon knows, as it comes in; frozen once per tick into a snapshot."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt

from vpp.control.cells import Choice, allot, layout_of
from vpp.control.device_record import DeviceRecord
from vpp.control.inputs import Alarm, Timing
from vpp.control.plausibility import bounds_of
from vpp.control.unmetered import Residuals
from vpp.control.values import Values
from vpp.domain.arrays import Ints, frozen_ints
from vpp.domain.batch import Batch
from vpp.domain.devices import Authority
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.points import Point, Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.session import EvSession
from vpp.domain.snapshot import Column, DeviceState, Snapshot


class StateTable:
    """The mutable truth; everybody else works on what ``freeze`` gives out."""

    def __init__(
        self,
        portfolio: Portfolio,
        facts: Mapping[DeviceId, DeviceFacts],
        timing: Timing,
        authority: Callable[[DeviceId], Authority],
    ) -> None:
        self._cells = allot(portfolio, facts, timing)
        self._values = Values(self._cells, bounds_of(portfolio, self._cells))
        self._residuals = Residuals(portfolio, self._cells)
        self._authority = authority
        self.layout = layout_of(portfolio)
        self._devices = {d.id: DeviceRecord.of(d) for d in portfolio.devices.values()}
        self._sessions: dict[AssetId, EvSession | None] = {}
        self._writers = [
            (asset, portfolio.writer_of[asset])
            for asset in self.layout.assets
            if asset in portfolio.writer_of
        ]
        self._written_at = frozen_ints([self.layout.asset_at[asset] for asset, _ in self._writers])
        self._there_s = np.full(len(self._writers), np.inf)
        """Since when each of them is online."""
        read = {c.point: c.freshness_s for c in self._cells.all}
        points = (Point(subject=asset, quantity=Quantity.POWER_KW) for asset, _ in self._writers)
        self._patience_s = np.array([read.get(point, timing.freshness_s) for point in points])
        """For how long the power of one that is online may not be heard yet."""
        self.latest: Snapshot | None = None
        """What was frozen last."""

    def apply(self, batch: Batch) -> None:
        """Take in one batch of an identified device; cheap."""
        self._values.add(batch)
        self._devices[batch.device].note(batch)
        if batch.sessions:
            self.plugged(batch.sessions)

    def plugged(self, sessions: Mapping[AssetId, EvSession | None]) -> None:
        """Cars that came, changed or left (None)."""
        self._sessions.update(sessions)

    def answers(self, device: DeviceId) -> None:
        """The configured identity answers on a connection just made; nothing else is known yet."""
        self._devices[device].answers()

    def well(self, device: DeviceId) -> None:
        """A round of it went well."""
        self._devices[device].well()

    def disconnected(self, device: DeviceId) -> None:
        """Its connection is gone or in doubt: it is identified and read again before any write."""
        self._devices[device].disconnected()

    def lost(self, device: DeviceId, trouble: str, *, wrong: bool = False) -> None:
        """It is offline, or (``wrong``) another device answers in its place."""
        self._devices[device].lost(trouble, wrong=wrong)

    def device(self, device: DeviceId) -> DeviceState:
        """What is known of one device now."""
        return self._devices[device].state(self._authority(device))

    def freeze(self, tick: int, at: datetime, now_s: float) -> Snapshot:
        """Everything as it is at this moment; later batches do not change it."""
        online = np.array([self._devices[device].online for _, device in self._writers], np.bool_)
        self._there_s = np.where(online, np.minimum(self._there_s, now_s), np.inf)
        self._values.settle()
        quality = self._values.fresh_quality(now_s)
        meters = {
            quantity: self._column(choice.pick(quality), quality)
            for quantity, choice in self._cells.meters.items()
        }
        assets = {
            quantity: self._column(choice.pick(quality), quality)
            for quantity, choice in self._cells.assets.items()
        }
        assets[Quantity.POWER_KW] = self._power(quality, meters.get(Quantity.POWER_KW))
        self.latest = Snapshot(
            tick=tick,
            at=at,
            now_s=now_s,
            layout=self.layout,
            assets={quantity: _read_only(column) for quantity, column in assets.items()},
            meters={quantity: _read_only(column) for quantity, column in meters.items()},
            sessions=dict(self._sessions),
            devices={device: self.device(device) for device in self._devices},
        )
        return self.latest

    def alarms(self) -> tuple[Alarm, ...]:
        """One per device lost or begun anew, its complaints, values not plausible or not known."""
        self._values.settle()
        rejected = np.flatnonzero(~np.isnan(self._values.rejected))
        return (
            *(self._implausible(int(cell)) for cell in rejected),
            *(_lost(d, record) for d, record in self._devices.items() if record.alarming),
            *(alarm for d, record in self._devices.items() for alarm in _complaints(d, record)),
            *(_restarted(d) for d, record in self._devices.items() if record.restarted),
            *self._unmeasured(),
        )

    def _unmeasured(self) -> Iterator[Alarm]:
        """Assets whose writer is there, and whose power nobody knows, or has known yet.

        One that has just come has a freshness limit to say it.
        """
        if self.latest is None:
            return
        power = self.latest.assets[Quantity.POWER_KW]
        spoken = power.measured_s[self._written_at] >= self._there_s
        late = self.latest.now_s - self._there_s > self._patience_s
        unknown = power.quality[self._written_at] != Quality.GOOD
        for at in np.flatnonzero(unknown & (spoken | late)):
            asset, device = self._writers[at]
            if self._devices[device].online:
                text = "its power is not measured: it is not controlled, and counts at its worst"
                yield Alarm(code="UNMEASURED", subject=f"asset:{asset}", text=text)

    def _power(self, quality: npt.NDArray[np.uint8], meters: Column | None) -> Column:
        """Power of every asset; loads that nobody measures as their node's residual."""
        choice = self._cells.assets.get(Quantity.POWER_KW)
        if choice is None:
            choice = Choice(np.full((1, len(self.layout.assets)), self._cells.none))
        chosen = choice.pick(quality)
        column = self._column(chosen, quality)
        if meters is None:
            return column
        rows = self._values.trace_row[chosen]
        return self._residuals.fill(column, meters, self._values.trace, rows)

    def _column(self, chosen: Ints, quality: npt.NDArray[np.uint8]) -> Column:
        return Column(
            values=self._values.values[chosen],
            quality=quality[chosen],
            measured_s=self._values.measured_s[chosen],
        )

    def _implausible(self, index: int) -> Alarm:
        cell, value = self._cells.all[index], self._values.rejected[index]
        return Alarm(
            code="IMPLAUSIBLE",
            subject=str(cell.point),
            text=f"{cell.device} says {value:g}; last believed {self._values.values[index]:g}",
        )


def _lost(device: DeviceId, record: DeviceRecord) -> Alarm:
    code = "WRONG_DEVICE" if record.wrong else "OFFLINE"
    return Alarm(code=code, subject=device, text=record.trouble)


def _restarted(device: DeviceId) -> Alarm:
    text = "it started anew: it is read back before anything is written, and told again"
    return Alarm(code="REBOOTED", subject=device, text=text)


def _complaints(device: DeviceId, record: DeviceRecord) -> Iterator[Alarm]:
    for one in record.complaints:
        text = f"{one.severity}: {one.text}" if one.text else one.severity
        yield Alarm(code="DEVICE_ALARM", subject=f"{device}:{one.id}", text=text)


def _read_only(column: Column) -> Column:
    for array in (column.values, column.quality, column.measured_s):
        array.flags.writeable = False
    return column
