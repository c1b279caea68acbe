"""Where proposals come from: files, operators, and later markets and grid operators."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal
from vpp.ports.clock import Clock


class Source(Protocol):
    """Entry-point group ``vpp.sources``, opened by ``SourceFactory``."""

    def proposals(self) -> Sequence[Proposal]:
        """Every proposal that holds now; cheap, called each tick."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    portfolio: Portfolio
    state_dir: Path
    """Directory of the running daemon's files and socket."""
    city: Clock
    wire: Clock


class SourceFactory(Protocol):
    def __call__(self, request: SourceRequest) -> AbstractAsyncContextManager[Source]: ...
