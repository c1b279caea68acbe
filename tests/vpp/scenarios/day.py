"""What happens in the street on one day, and what is left to look at in the evening."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.vpp.scenarios.street import WINDOW, Note, Street, portfolio, street
from tests.vpp.scenarios.world import DAY_MINUTES, ETA, LEAD_S, SITES, new_cells
from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run
from vpp.control.parting import Left
from vpp.domain.arrays import Floats, frozen
from vpp.domain.command import Command
from vpp.domain.day import DayScore, MeasuredDay
from vpp.domain.judging import judge
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.domain.rules import Storage
from vpp.domain.slots import SlotGrid
from vpp.runtime.scorekeeper import GRACE_S, Scorekeeper

DIES_H, RETURNS_H = 10.0, 12.0
"""The battery of house b cannot be reached in between."""
BLIND_H, SEES_H = 14.0, 14.4
"""The meter of house a says nothing in between."""
OVERRIDE_H, OVER_H, OVERRIDE_KW = 20.0, 20.5, 0.5
"""The battery of house c is held at this power in between: from others, at a loss."""


@dataclass
class Day:
    """A day that is over."""

    street: Street
    left: tuple[Left, ...]
    """How every asset was left."""
    keeper: Scorekeeper
    """Who has judged it, ten minutes after its end."""

    def notes(self, from_h: float, to_h: float) -> list[Note]:
        """Of the ticks in between."""
        return [note for note in self.street.notes if from_h <= note.hour < to_h]

    def battery_kw(self, site: str, from_h: float, to_h: float) -> Floats:
        """Mean power in each minute."""
        minutes = self.street.world.minutes[round(60 * from_h) : round(60 * to_h)]
        return np.asarray(minutes[:, SITES.index(site)])

    def commands(self, device: str, from_h: float, to_h: float) -> list[Command]:
        """What reached the device in between, refreshes included, in order."""
        midnight_s = self.street.world.born_s + LEAD_S
        return [
            command
            for at_s, command in self.street.wired(device).written
            if from_h <= (at_s - midnight_s) / 3600 < to_h
        ]

    @property
    def recording(self) -> Recording:
        """The day in minutes, the car's charging part of the load, batteries as they began."""
        world, cells = self.street.world, list(new_cells().values())
        capacity = np.array([cell.capacity_kwh for cell in cells])
        power = np.array([cell.power_kw for cell in cells])
        charging = world.minutes[:, 3] * np.array([[0.0], [0.0], [1.0]])
        return Recording(
            sites=SITES,
            grid=SlotGrid(edges_s=frozen(60.0 * np.arange(DAY_MINUTES + 1))),
            load_kw=frozen(world.load_kw + charging),
            pv_kw=frozen(world.sun_kw),
            batteries=SITES,
            storage=Storage(
                site=np.arange(3),
                low_kwh=WINDOW[0] * capacity,
                high_kwh=WINDOW[1] * capacity,
                charge_kw=power,
                discharge_kw=power,
                eta_charge=np.full(3, ETA),
                eta_discharge=np.full(3, ETA),
            ),
            start_kwh=frozen(world.stored[0]),
        )

    @property
    def run(self) -> Run:
        """What the control room made of it."""
        world = self.street.world
        return Run(
            name="control room",
            battery_kw=frozen(world.minutes[:, :3].T),
            stored_kwh=frozen(np.array(world.stored[: DAY_MINUTES + 1]).T),
            ev_kw=np.zeros((3, DAY_MINUTES)),
        )


async def lived(state_dir: Path) -> Day:
    """From a minute before midnight until the day is judged."""
    async with street(state_dir) as made:
        await made.until(DIES_H)
        made.wired("b-ess").alive = False
        await made.until(RETURNS_H)
        made.wired("b-ess").alive = True
        await made.until(BLIND_H)
        made.wired("a-meter").alive = False
        await made.until(SEES_H)
        made.wired("a-meter").alive = True
        await made.until(OVERRIDE_H)
        made.desk.wanted.append(_override(made))
        await made.until(24.0 + (GRACE_S + LEAD_S) / 3600)
        keeper = Scorekeeper(
            portfolio(), history=made.history, judge=_judged, city=made.clock, state_dir=state_dir
        )
        await keeper.catch_up()
        left = await made.room.stop(made.room.on_exit)
    return Day(made, left, keeper)


async def _judged(day: MeasuredDay) -> DayScore:
    return judge(day)


def _override(made: Street) -> Proposal:
    return Proposal(
        id="override-1",
        scope=Scope(kind=ScopeKind.ASSET, id="c-bat"),
        owner="operator",
        rank=Rank.OVERRIDE,
        wish_kw=OVERRIDE_KW,
        reason="a look at the inverter",
        valid_until_s=made.clock.monotonic() + (OVER_H - OVERRIDE_H) * 3600,
    )
