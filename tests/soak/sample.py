"""What a look from outside tells of a running daemon and of the processes it started."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MB = 1e6
_LINE = re.compile(r'^(\w+)(?:\{le="([^"]+)"\})? (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process as the kernel shows it."""

    name: str
    pid: int
    rss_mb: float
    files: int
    waited_s: float
    """Time so far in which its main thread could have run and no core was free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look."""

    at_s: float
    """Real seconds since the beginning."""
    processes: tuple[Process, ...]
    tasks: int
    alarms: frozenset[str]
    """Code and subject of those that hold."""
    speed: float
    ticks: int
    late: int
    """Of the ticks so far, those that began more than half a tick after they were due."""
    plan_rounds: int


def series(text: str) -> Mapping[str, float]:
    """Prometheus text of families without labels; buckets of histograms as ``name<=bound``."""
    return {
        f"{name}<={bound}" if bound else name: float(value)
        for name, bound, value in _LINE.findall(text)
    }


def family(pid: int) -> Iterator[Process]:
    """A process and all that descend from it, as far as they still live."""
    for one in (pid, *_descendants(pid)):
        try:
            words = Path(f"/proc/{one}/cmdline").read_bytes().decode().split("\0")
            pages = int(Path(f"/proc/{one}/statm").read_text().split()[1])
            files = len(list(Path(f"/proc/{one}/fd").iterdir()))
            waited_s = int(Path(f"/proc/{one}/schedstat").read_text().split()[1]) / 1e9
        except OSError:
            continue
        yield Process(
            name=_name(words), pid=one, rss_mb=pages * 4096 / MB, files=files, waited_s=waited_s
        )


def _descendants(pid: int) -> Iterator[int]:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _descendants(child)


def _name(words: list[str]) -> str:
    known = {"simulators": "simulators", "vpp.runtime.worker_process": "worker", "demo": "daemon"}
    return next((known[word] for word in words if word in known), words[0])
