"""What every source wants now; a source that fails keeps its last word until that expires."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from vpp.control.inputs import Alarm
from vpp.domain.errors import VppError
from vpp.domain.proposal import Ending, Proposal
from vpp.ports.sources import Source

_log = structlog.get_logger(__name__)


class Proposing:
    """Asked once per tick."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """``sources`` by name."""
        self._sources = sources
        self._last: dict[str, Sequence[Proposal]] = {}
        self._failing: dict[str, str] = {}

    def all(self, now_s: float) -> tuple[Proposal, ...]:
        """Every proposal that holds at this city time, or is a limit whose failsafe holds."""
        return tuple(
            proposal
            for name, source in self._sources.items()
            for proposal in self._ask(name, source)
            if proposal.valid_until_s > now_s or proposal.ending is Ending.FAILSAFE
        )

    def alarms(self) -> tuple[Alarm, ...]:
        """One per source that cannot be asked."""
        return tuple(
            Alarm(code="SOURCE_FAILED", subject=name, text=why)
            for name, why in self._failing.items()
        )

    def _ask(self, name: str, source: Source) -> Sequence[Proposal]:
        try:
            self._last[name] = source.proposals()
        except Exception as fault:  # noqa: BLE001 - sources come from anywhere
            known = isinstance(fault, VppError)
            if name not in self._failing:
                _log.error("source failed", source=name, exc_info=None if known else fault)
            self._failing[name] = str(fault) if known else repr(fault)
            self._last[name] = [replace(p, alive=False) for p in self._last.get(name, ())]
        else:
            if self._failing.pop(name, None) is not None:
                _log.info("source is back", source=name)
        return self._last.get(name, ())
