"""What happens in the street on one day, and what is left to look at in the evening."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.vpp.scenarios.street import WINDOW, Note, Street, street
from tests.vpp.scenarios.world import DAY_MINUTES, ETA, LEAD_S, SITES, new_cells
from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run
from vpp.domain.arrays import Floats, frozen
from vpp.domain.command import Command
from vpp.domain.history import Mean
from vpp.domain.points import Quantity
from vpp.domain.rules import Storage
from vpp.domain.slots import SlotGrid
from vpp.runtime.command_socket import ask
from vpp.runtime.one_plan import HISTORY
from vpp.runtime.scorekeeper import GRACE_S

DIES_H, RETURNS_H = 10.0, 12.0
"""The battery of house b cannot be reached in between."""
BLIND_H, SEES_H = 14.0, 14.4
"""The meter of house a says nothing in between."""
OVERRIDE_H, OVER_H, OVERRIDE_KW = 20.0, 20.5, 0.5
"""The battery of house c is held at this power in between: from others, at a loss."""


Means = dict[tuple[str, Quantity], dict[float, Mean]]
"""Of each subject and quantity its quarter hours, by their start."""


@dataclass
class Day:
    """A day that is over."""

    street: Street
    means: Means
    """On record."""

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
        """What the daemon made of it."""
        world = self.street.world
        return Run(
            name="the daemon",
            battery_kw=frozen(world.minutes[:, :3].T),
            stored_kwh=frozen(np.array(world.stored[: DAY_MINUTES + 1]).T),
            ev_kw=np.zeros((3, DAY_MINUTES)),
        )


async def lived(home: Path) -> Day:
    """From a minute before midnight until the day is judged."""
    async with street(home) as made:
        await made.until(DIES_H)
        made.wired("b-ess").alive = False
        await made.until(RETURNS_H)
        made.wired("b-ess").alive = True
        await made.until(BLIND_H)
        made.wired("a-meter").alive = False
        await made.until(SEES_H)
        made.wired("a-meter").alive = True
        await made.until(OVERRIDE_H)
        given = {
            "verb": "override", "scope": "asset:c-bat", "lo_kw": OVERRIDE_KW, "hi_kw": OVERRIDE_KW,
            "for_s": (OVER_H - OVERRIDE_H) * 3600, "owner": "operator",
            "reason": "a look at the inverter",
        }  # fmt: skip
        await ask(home, given)
        await made.until(24.0 + (GRACE_S + 2 * LEAD_S) / 3600)
    return Day(made, _on_record(home))


def _on_record(home: Path) -> Means:
    with closing(sqlite3.connect(home / HISTORY)) as history:
        means: Means = {}
        for subject, quantity, step_s, start_s, value, coverage in history.execute(
            "SELECT subject, quantity, step_s, start_s, value, coverage FROM mean"
        ):
            means.setdefault((subject, Quantity(quantity)), {})[start_s] = Mean(
                subject=subject, quantity=Quantity(quantity), step_s=step_s, value=value,
                start=datetime.fromtimestamp(start_s, UTC), coverage=coverage,
            )  # fmt: skip
    return means
