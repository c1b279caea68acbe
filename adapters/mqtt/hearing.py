"""What one device says, taken in as it comes; nothing it can say raises."""

import asyncio
import math
from collections.abc import Callable, Mapping

import structlog

from adapters.mqtt import messages
from adapters.mqtt.client import Incoming
from adapters.mqtt.commands import Sent, Waiting, power_of
from adapters.mqtt.counters import DeviceCounters
from adapters.mqtt.held import Held
from adapters.mqtt.inbox import Inbox
from adapters.mqtt.messages import AckMessage, Malformed, MetaMessage, Oversized
from adapters.mqtt.order import Order, Place, SourceClock
from adapters.mqtt.presence import News, Presence
from adapters.mqtt.readings import Readings, Subject
from adapters.mqtt.sessions import sessions_of
from adapters.mqtt.standing import StandingAlarms
from adapters.mqtt.topics import REMEMBERED
from vpp.domain.assets import Asset, EvCharger
from vpp.domain.capability import Form
from vpp.domain.devices import Device
from vpp.domain.ids import AssetId
from vpp.ports.clock import Clocks

RESTARTING_S = 1.5
"""Wire seconds for which a device that has just restarted counts as away, so that it is identified
and read anew."""
COMPLAIN_AGAIN_S = 60.0
"""Wire seconds after which bad input is told again, if something good came in between."""
_log = structlog.get_logger(__name__)


class Hearing:
    """The device's own account of itself."""

    def __init__(self, device: Device, assets: Mapping[AssetId, Asset], clocks: Clocks) -> None:
        self.meta: MetaMessage | None = None
        self.presence = Presence()
        self.inbox = Inbox(device.id)
        self.waiting = Waiting()
        self.held: dict[Subject, Held] = {asset: Held() for asset in device.written_assets}
        self.changed = asyncio.Event()
        """Set by every description and status."""
        self._device, self._city, self._wire = device, clocks.city, clocks.wire
        self._connectors = [a for a, asset in assets.items() if isinstance(asset, EvCharger)]
        self._readings = Readings(device, self.held)
        self._order, self._session_order = Order(), Order()
        self._clock = SourceClock()
        self._counters = DeviceCounters()
        self._alarms = StandingAlarms()
        self._complained: set[str] = set()
        """What has brought nothing good since it was told."""
        self._told_s: dict[str, float] = {}
        self._settled_s = -math.inf
        self._meta_stands = False
        self._takers: Mapping[str, Callable[[bytes], None]] = {
            "meta": self._take_meta,
            "status": self._take_status,
            "telemetry": self._take_telemetry,
            "session": self._take_session,
            "alarm": self._take_alarm,
            "ack": self._take_ack,
        }

    @property
    def counters(self) -> DeviceCounters:
        self._counters.dropped = self.inbox.dropped
        return self._counters

    @property
    def here(self) -> bool:
        """Online by its own word, and settled after a restart."""
        return self.presence.online and self._wire.monotonic() >= self._settled_s

    def take(self, suffix: str, message: Incoming) -> None:
        """Take in one message on ``vpp/1/<site>/<device>/<suffix>``."""
        self._counters.received += 1
        if message.retained and suffix not in REMEMBERED:
            self._counters.retained += 1
            return
        try:
            self._takers[suffix](message.payload)
        except Malformed as wrong:
            self._complain(suffix, wrong)
        else:
            self._complained.discard(suffix)

    def forget(self, fault: Exception) -> None:
        """The broker is gone: what it retains is read anew, and no answer comes any more.

        Nothing of the lost session can come late, so that telemetry is no older than what it was.
        """
        self.meta = None
        self.presence.forget()
        self._order.restart()
        self.waiting.fail(fault)
        self._complained.clear()

    def _complain(self, suffix: str, wrong: Malformed) -> None:
        if isinstance(wrong, Oversized):
            self._counters.oversized += 1
        else:
            self._counters.malformed += 1
        now_s = self._wire.monotonic()
        again = now_s - self._told_s.get(suffix, -math.inf) >= COMPLAIN_AGAIN_S
        if suffix not in self._complained and again:
            self._complained.add(suffix)
            self._told_s[suffix] = now_s
            _log.warning("bad input", device=self._device.id, message=suffix, problem=str(wrong))

    def _take_meta(self, payload: bytes) -> None:
        """A description that is taken away holds for this life of the device, and for no other."""
        if payload:
            self.meta = messages.META.read(payload)
        self._meta_stands = bool(payload)
        self.changed.set()

    def _take_status(self, payload: bytes) -> None:
        if not payload:
            self.presence.cleared(self._wire.monotonic())
            self.changed.set()
            return
        match self.presence.heard(messages.STATUS.read(payload), self._wire.monotonic()):
            case News.OLD:
                self._counters.old_wills += 1
            case News.RESTARTED:
                self._restarted()
            case News.CAME | News.LEFT | News.NOTHING:
                pass
        self.changed.set()

    def _restarted(self) -> None:
        self._counters.restarts += 1
        self._settled_s = self._wire.monotonic() + RESTARTING_S
        if not self._meta_stands:
            self.meta = None
        self._order.restart()
        self._session_order.restart()
        self._alarms.restart()
        for held in self.held.values():
            held.restarted()

    def _take_telemetry(self, payload: bytes) -> None:
        said = messages.TELEMETRY.read(payload)
        place = self._order.place(said.seq, said.ts, self._wire.monotonic())
        if not self._counted_as_new(place):
            return
        age_s = self._clock.age_s(said.ts, self._city.now(), self._city.monotonic())
        self._counters.skewed += self._clock.skewed
        self._counters.unknown_assets += self._readings.strangers(said)
        if self.presence.alive(self._wire.monotonic()):
            self.changed.set()
        batch = self._readings.batch(
            said,
            arrived_s=self._city.monotonic(),
            age_s=age_s,
            alarms=self._alarms.all,
            boot=self.presence.boot,
        )
        if batch is not None:
            self.inbox.put(batch)

    def _take_session(self, payload: bytes) -> None:
        if not payload:
            return
        said = messages.SESSION.read(payload)
        sessions = sessions_of(said, self._connectors)
        if said.ts is not None:
            place = self._session_order.place(0, said.ts, self._wire.monotonic())
            if not self._counted_as_new(place):
                return
        self._counters.unknown_assets += len(said.assets) - len(sessions)
        if sessions:
            self.inbox.put_sessions(sessions, self._city.monotonic())

    def _counted_as_new(self, place: Place) -> bool:
        match place:
            case Place.DUPLICATE:
                self._counters.duplicates += 1
            case Place.OLDER:
                self._counters.older += 1
            case Place.BEHIND:
                self._clock = SourceClock()
                return True
            case Place.NEW:
                return True
        return False

    def _take_alarm(self, payload: bytes) -> None:
        if self._alarms.take(messages.ALARM.read(payload)):
            self.inbox.put(self._readings.complaints(self._alarms.all, self._city.monotonic()))

    def _take_ack(self, payload: bytes) -> None:
        ack = messages.ACK.read(payload)
        sent = self.waiting.match(ack)
        if sent is None:
            self._counters.unmatched_acks += 1
            return
        if ack.state in ("accepted", "applied") and self.waiting.is_newest(sent):
            asset = sent.command.setpoint.asset
            self.held[asset].acknowledged(_power_held(sent, ack), sent.until_s)
        if not sent.answer.done():
            sent.answer.set_result(ack)


def _power_held(sent: Sent, ack: AckMessage) -> float:
    """What the device says it holds; NaN after a release."""
    if sent.command.setpoint.form is Form.RELEASE:
        return math.nan
    return power_of(sent.command) if ack.power_kw is None else ack.power_kw
