"""What a soak asks of its samples: nothing grows, ticks are punctual, alarms are seldom."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.soak.sample import Process, Sample

GROWTH, GROWTH_MB = 0.05, 10.0
"""Memory that a process may gain between the second quarter of the time and the last."""
FILES = TASKS = 5
LATE = 0.02
"""Of all ticks."""
ALARMED = 0.05
"""Of the time that one alarm may stand."""
WAITED = 0.1
"""Of the time that the daemon may have waited for a core; beyond it lateness and alarms say more of
the machine than of the daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the verdict."""

    text: str
    holds: bool


def verdict(samples: Sequence[Sample], exit_code: int) -> Iterator[Check]:
    """Of samples taken at equal distances; the first quarter is warming up."""
    yield Check(text=f"it ended with exit code {exit_code}", holds=exit_code == 0)
    if len(samples) < 4:
        yield Check(text=f"{len(samples)} samples are too few to judge", holds=False)
        return
    quarter = len(samples) // 4
    before, after = samples[quarter : 2 * quarter], samples[-quarter:]
    for name in sorted({one.name for sample in after for one in sample.processes}):
        yield _memory(name, _of(name, before), _of(name, after))
        yield _files(name, _of(name, before), _of(name, after))
    was, now = median(s.tasks for s in before), median(s.tasks for s in after)
    yield Check(text=f"tasks: {was:g} -> {now:g}", holds=now <= was + TASKS)
    yield _core(before[0], samples[-1])
    yield from _ticks(before[0], samples[-1])
    yield from _alarms(samples)


def _of(name: str, samples: Sequence[Sample]) -> list[Process]:
    return [one for sample in samples for one in sample.processes if one.name == name]


def _memory(name: str, before: Sequence[Process], after: Sequence[Process]) -> Check:
    was, now = (median([one.rss_mb for one in some] or [0.0]) for some in (before, after))
    text = f"{name}: memory {was:.1f} -> {now:.1f} MB"
    return Check(text=text, holds=bool(before) and now <= was * (1 + GROWTH) + GROWTH_MB)


def _files(name: str, before: Sequence[Process], after: Sequence[Process]) -> Check:
    was, now = (max((one.files for one in some), default=0) for some in (before, after))
    return Check(text=f"{name}: at most {was} -> {now} open files", holds=now <= was + FILES)


def _core(first: Sample, last: Sample) -> Check:
    seconds = last.at_s - first.at_s
    was, now = (sum(one.waited_s for one in _of("daemon", [some])) for some in (first, last))
    part = (now - was) / seconds
    text = f"the daemon waited {part:.1%} of the time for a core"
    busy = "" if part <= WAITED else ": what is late or in alarm may be so by the machine's load"
    return Check(text=text + busy, holds=True)


def _ticks(first: Sample, last: Sample) -> Iterator[Check]:
    ticks, late = last.ticks - first.ticks, last.late - first.late
    seconds, rounds = last.at_s - first.at_s, last.plan_rounds - first.plan_rounds
    part = late / ticks if ticks else 1.0
    yield Check(text=f"{late} of {ticks} ticks began half a tick late", holds=part <= LATE)
    yield Check(text=f"{rounds} rounds of planning in {seconds:.0f} s", holds=rounds > 0)


def _alarms(samples: Sequence[Sample]) -> Iterator[Check]:
    stood = Counter(alarm for sample in samples for alarm in sample.alarms)
    yield Check(text=f"{len(stood)} alarms were seen", holds=True)
    for alarm, times in stood.most_common(20):
        part = times / len(samples)
        yield Check(text=f"{alarm} stood for {part:.0%} of the time", holds=part <= ALARMED)
