"""Alarms raised once and cleared once, whoever raises them, and however they chatter."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from vpp.control.chatter import Chatter
from vpp.control.dispatch import DAEMON
from vpp.control.inputs import Alarm
from vpp.domain.audit import AuditRecord, Event
from vpp.ports.store import Audit

FLOOD = 20
"""So many alarms of one code in one tick are one line in the log."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An alarm that holds, and since when."""

    alarm: Alarm
    since: datetime


class AlarmBoard:
    """What holds now; logs and records only what is new and what is gone."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._standing: dict[tuple[str, str], Raised] = {}
        self._lasting: list[Alarm] = []
        self._sources: list[Callable[[], Iterable[Alarm]]] = []
        self._chatter = Chatter()

    @property
    def standing(self) -> Mapping[tuple[str, str], Raised]:
        """By code and subject."""
        return self._standing

    def last(self, *alarms: Alarm) -> None:
        """Show them from now on until the daemon ends."""
        self._lasting.extend(alarms)

    def hear(self, source: Callable[[], Iterable[Alarm]]) -> None:
        """Ask this one as well, every tick, for all that holds now; it must be quick."""
        self._sources.append(source)

    def show(self, alarms: Iterable[Alarm], at: datetime) -> tuple[Alarm, ...]:
        """Everything that holds now, or chatters; an alarm's text may change while it stands."""
        heard = (alarm for source in self._sources for alarm in source())
        holding = self._chatter.steadied((*alarms, *self._lasting, *heard), at)
        gone = [self._standing[key].alarm for key in self._standing.keys() - holding.keys()]
        self._tell(gone, at, "cleared")
        self._tell([holding[key] for key in holding.keys() - self._standing.keys()], at, "raised")
        self._standing = {
            key: Raised(
                alarm=alarm, since=self._standing[key].since if key in self._standing else at
            )
            for key, alarm in holding.items()
        }
        return tuple(holding.values())

    def _tell(self, alarms: Sequence[Alarm], at: datetime, change: str) -> None:
        tell = _log.warning if change == "raised" else _log.info
        count = Counter(alarm.code for alarm in alarms)
        for alarm in alarms:
            self._record(alarm, at, change)
            if count[alarm.code] < FLOOD:
                tell(f"alarm {change}", code=alarm.code, subject=alarm.subject, why=alarm.text)
        for code, times in count.items():
            if times >= FLOOD:
                tell(f"alarms {change}", code=code, count=times)

    def _record(self, alarm: Alarm, at: datetime, change: str) -> None:
        self._audit.note(
            AuditRecord(
                event=Event.ALARM,
                at=at,
                subject=alarm.subject,
                who=DAEMON,
                why=f"{alarm.code}: {alarm.text}",
                outcome=change,
            )
        )
