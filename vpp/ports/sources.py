"""Where proposals come from: files, operators, and later markets and grid operators."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vpp.domain.audit import AuditRecord
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal
from vpp.ports.clock import Clock


class Source(Protocol):
    """Entry-point group ``vpp.sources``, opened by ``SourceFactory``."""

    def proposals(self) -> Sequence[Proposal]:
        """Every proposal that holds now; cheap, called each tick."""
        ...


Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Answers one command that reached the running daemon; raises VppError to refuse it."""


class Commands(Protocol):
    """Commands that people and programs send to the running daemon."""

    def answer(self, verb: str, handler: Handler) -> None:
        """Let this handler answer a verb; every verb has one handler."""
        ...


def _unrecorded(_: AuditRecord) -> None:
    """Where there is no record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What a source gets when it is opened."""

    portfolio: Portfolio
    state_dir: Path
    """Directory of the running daemon's files and socket."""
    commands: Commands
    city: Clock
    wire: Clock
    note: Callable[[AuditRecord], None] = _unrecorded
    """Puts down on the daemon's record what somebody asked for."""


class SourceFactory(Protocol):
    """The factory behind an entry point."""

    def __call__(self, request: SourceRequest) -> AbstractAsyncContextManager[Source]: ...
