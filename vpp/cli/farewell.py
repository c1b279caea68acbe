"""The last words of a daemon: how its devices were left, whatever else went wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import typer
from rich.markup import escape

from vpp.cli.exits import UNSAFE, errors, faults_as_exits
from vpp.control.parting import Ending, Left
from vpp.domain.errors import VppError


class Ended(Protocol):
    """A daemon that is not running any more."""

    @property
    def left(self) -> Sequence[Left]:
        """How its devices were left."""
        ...

    @property
    def fault(self) -> VppError | None:
        """Why it ended though nobody wished it."""
        ...


@contextmanager
def farewell(*, observe: bool = False) -> Iterator[Callable[[Ended], None]]:
    """Turn faults into words and exit codes, and say how the devices of a daemon were left.

    Gives what takes note of the daemon. If one of its devices was not made safe, that is the exit
    code, before any other: a disk that broke does not hide it. ``observe``: it wrote not one byte.
    """
    begun: list[Ended] = []
    try:
        with faults_as_exits():
            yield begun.append
            _raise_fault_of(begun)
    except typer.Exit as other:
        if _told(begun, observe=observe):
            raise typer.Exit(UNSAFE) from other
        raise
    except BaseException:
        _told(begun, observe=observe)
        raise
    if _told(begun, observe=observe):
        raise typer.Exit(UNSAFE)


def _raise_fault_of(begun: Sequence[Ended]) -> None:
    for daemon in begun:
        if daemon.fault is not None:
            raise daemon.fault


def _told(begun: Sequence[Ended], *, observe: bool) -> bool:
    """Say how devices were left; whether one of ours was not made safe."""
    left = [one for daemon in begun for one in daemon.left]
    ours = [one for one in left if not _not_ours(one)]
    sure = sum(one.ending is Ending.READ_BACK for one in ours)
    if ours:
        typer.echo(f"{sure} of {len(ours)} assets read back in their safe state")
    if len(ours) < len(left):
        alone = len(left) - len(ours)
        why = "--observe lets nothing out" if observe else "their authority lets nothing out"
        typer.echo(f"{alone} {'asset' if alone == 1 else 'assets'} left alone: {why}")
    doubtful = [one for one in ours if one.ending is not Ending.READ_BACK]
    for (ending, detail), alike in _alike(doubtful).items():
        named = ", ".join(f"{one.asset} ({one.device})" for one in alike)
        told = f"{_ENDINGS[ending]}{f' ({detail})' if detail else ''}"
        errors.print(f"[red]{escape(told)}:[/] {escape(named)}")
    return bool(doubtful)


def _alike(left: Sequence[Left]) -> Mapping[tuple[Ending, str], Sequence[Left]]:
    """Those with the same ending for the same reason together."""
    found: dict[tuple[Ending, str], list[Left]] = {}
    for one in left:
        found.setdefault((one.ending, one.detail), []).append(one)
    return found


_ENDINGS = {
    Ending.READ_BACK: "read back",
    Ending.SENT: "took the write, not read back in time",
    Ending.UNKNOWN: "no answer in time, its own watchdog ends what it holds",
    Ending.NOT_WRITTEN: "not written",
}


def _not_ours(one: Left) -> bool:
    return one.ending is Ending.NOT_WRITTEN and one.detail.startswith("authority")
