"""What became of commands, and what follows for each asset.

Still in flight, unknown, limited, or barred for a while.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.inputs import CommandNews
from vpp.control.sight import Sight
from vpp.control.state import AssetMemory
from vpp.domain.outcome import Cause, Outcome

BAR_S, LONGEST_BAR_S = 60.0, 3600.0
"""No optimisation after a refusal, a disobedience or a second command not taken over, doubled each
time in a row."""
LIMITED_S = 60.0
"""How long a device is believed that it cannot do more."""
FOLLOWED_PART = 0.03
"""Of its rating: closer to its setpoint a device follows it."""
GRACE_S = 5.0
NOT_A_CAP = (Cause.INSIDE_CEILING, Cause.CAR_DRAWS_LESS, Cause.NO_CAR, Cause.NO_SUN)
UNDER_WAY = (Outcome.SENT, Outcome.ACCEPTED, Outcome.SUPERSEDED)
"""Nothing follows from so much alone."""


def heard(
    pool: CompiledPool, sight: Sight, memory: AssetMemory, news: Iterable[CommandNews]
) -> AssetMemory:
    """Memory after the news and after what the measurements themselves say."""
    draft, told_s = _Draft.of(memory), memory.told_s.tolist()
    for item in news:
        at = None if item.outcome in UNDER_WAY else pool.asset_at.get(item.asset)
        if at is not None and item.sent_s >= told_s[at] - 1e-6:
            draft.note(pool, sight, at, item)
    return _settled(pool, sight, draft.memory())


@dataclass(slots=True)
class _Draft:
    """Copies of what news may change."""

    old: AssetMemory
    columns: dict[str, np.ndarray]

    @classmethod
    def of(cls, memory: AssetMemory) -> "_Draft":
        return cls(memory, {f.name: getattr(memory, f.name).copy() for f in fields(memory)})

    def memory(self) -> AssetMemory:
        return replace(self.old, **self.columns)

    def note(self, pool: CompiledPool, sight: Sight, at: int, item: CommandNews) -> None:
        c = self.columns
        match item.outcome:
            case Outcome.FOLLOWED:
                self._landed(at)
                if abs(item.setpoint.target_kw) > pool.resolution_kw[at]:
                    c["strikes"][at] = 0.0  # whoever obeys only nothing does not obey
            case Outcome.LIMITED:
                self._landed(at)
                self._cap(sight, at, item)
            case Outcome.UNKNOWN:
                c["unknown"][at] = True
            case Outcome.NOT_OBEYING | Outcome.REFUSED:
                self._bar(sight.now_s, at)
            case Outcome.EXPIRED:
                self._landed(at)
                c["told_kw"][at] = np.nan

    def _landed(self, at: int) -> None:
        self.columns["before_kw"][at] = np.nan
        self.columns["unknown"][at] = False

    def _cap(self, sight: Sight, at: int, item: CommandNews) -> None:
        if item.cause in NOT_A_CAP or not sight.power.good[at]:
            return
        power, c = float(sight.power.values[at]), self.columns
        c["cap_until_s"][at] = sight.now_s + LIMITED_S
        c["cap_hi_kw"][at] = max(power, 0.0) if item.setpoint.target_kw > 0 else np.inf
        c["cap_lo_kw"][at] = min(power, 0.0) if item.setpoint.target_kw < 0 else -np.inf

    def _bar(self, now_s: float, at: int) -> None:
        c = self.columns
        c["strikes"][at] += 1
        longest = BAR_S * 2.0 ** (min(float(c["strikes"][at]), 10.0) - 1)
        c["barred_until_s"][at] = now_s + min(longest, LONGEST_BAR_S)
        c["unknown"][at] = False


def _settled(pool: CompiledPool, sight: Sight, memory: AssetMemory) -> AssetMemory:
    """Commands that measurement or read-back shows to have landed; setpoints that have run out.

    One that was not answered and, as read back, not taken over is sent once more; after that it
    bars as a refusal does.
    """
    now_s, power, told = sight.now_s, sight.power, memory.told_kw
    travel_s = np.abs(told - memory.before_kw) / pool.ramp_kw_s
    landed_s = memory.told_s + pool.dead_s + np.where(np.isfinite(travel_s), travel_s, 0.0)
    close = np.abs(power.values - told) <= np.maximum(
        FOLLOWED_PART * pool.rating_kw, pool.resolution_kw
    )
    followed = power.good & (power.at_s > landed_s) & close & ~memory.unknown
    back = sight.setpoint
    answered = memory.unknown & back.good & (back.at_s > memory.sent_s)
    differs = answered & ~(np.abs(back.values - told) <= np.maximum(pool.resolution_kw, 0.1))
    over = now_s > memory.expires_s + 1e-6
    gone = now_s > memory.expires_s + GRACE_S
    told = np.where(over & ~memory.unknown, np.nan, np.where(differs, back.values, told))
    told = np.where(memory.unknown & gone, np.nan, told)
    missed = differs & ~memory.safe
    strikes = memory.strikes + missed
    barred_s = now_s + np.minimum(BAR_S * 2.0 ** np.clip(strikes - 2, 0.0, 9.0), LONGEST_BAR_S)
    return replace(
        memory,
        told_kw=told,
        strikes=strikes,
        barred_until_s=np.where(missed & (strikes > 1), barred_s, memory.barred_until_s),
        before_kw=np.where(followed | answered | (gone & np.isnan(told)), np.nan, memory.before_kw),
        unknown=memory.unknown & ~answered & ~gone,
    )
