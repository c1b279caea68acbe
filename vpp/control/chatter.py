"""Alarms that come and go many times a minute: shown until they rest, with how often they came."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from vpp.control.inputs import Alarm

TIMES = 3
"""So many beginnings within one span are a chatter."""
SPAN_S, SPAN_TICKS = 60.0, 10
"""City seconds, or ticks where those take longer."""
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Moment:
    at: datetime
    tick: int

    def soon_after(self, other: "_Moment") -> bool:
        passed_s = abs((self.at - other.at).total_seconds())  # the wall clock may be set back
        return passed_s <= SPAN_S or self.tick - other.tick <= SPAN_TICKS


@dataclass(slots=True)
class _Course:
    """Of one alarm, from its first beginning until it has rested."""

    alarm: Alarm
    seen: _Moment
    begins: list[_Moment] = field(default_factory=list)
    """The newest few."""
    times: int = 0
    chatters: bool = False

    def begin(self, now: _Moment) -> None:
        self.times += 1
        self.begins = [*self.begins[1 - TIMES :], now]
        if len(self.begins) == TIMES and now.soon_after(self.begins[0]):
            self.chatters = True

    def told(self) -> Alarm:
        return replace(self.alarm, text=f"{self.alarm.text} (comes and goes: {self.times} times)")


class Chatter:
    """Remembers what came and went lately; asked once a tick."""

    def __init__(self) -> None:
        self._courses: dict[Key, _Course] = {}
        self._tick = 0

    def steadied(self, alarms: Iterable[Alarm], at: datetime) -> Mapping[Key, Alarm]:
        """What is to be shown, by code and subject: never less than what holds."""
        self._tick += 1
        now, before = _Moment(at, self._tick), self._tick - 1
        shown = {(alarm.code, alarm.subject): alarm for alarm in alarms}
        for key, alarm in shown.items():
            course = self._courses.setdefault(key, _Course(alarm, now))
            if not course.begins or course.seen.tick < before:
                course.begin(now)
            course.alarm, course.seen = alarm, now
        self._courses = {k: c for k, c in self._courses.items() if now.soon_after(c.seen)}
        return shown | {k: c.told() for k, c in self._courses.items() if c.chatters}
