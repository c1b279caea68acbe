"""One question to a record: how good is this controller, beside what else could have been done?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

import numpy as np

from vpp.backtest.bound import least_cost, least_import
from vpp.backtest.checkpoint import Keeper
from vpp.backtest.city import Pools, for_city, pools_of
from vpp.backtest.data import Recording
from vpp.backtest.feasible import require_feasible
from vpp.backtest.foresight import Foresight
from vpp.backtest.given import at_chargers_kw, on_arrival_run
from vpp.backtest.parking import bookings, unsteered
from vpp.backtest.plan_run import PlanRun, Watching, run_plan
from vpp.backtest.prices import recorded_tariff
from vpp.backtest.processes import side_by_side
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.setting import Setting, of_city, of_recording
from vpp.backtest.thinking import Thinking, installed
from vpp.control.state import VERSION
from vpp.domain.errors import InvariantError
from vpp.domain.order import Goals, Order
from vpp.domain.portfolio import Portfolio
from vpp.domain.rules import community, inverter, no_control, tariff_timer

FORESEEN = "plan with a perfect forecast"
RULES = {
    "none": no_control,
    "inverter": inverter,
    "community": community,
    "tariff": tariff_timer,
}


class Controller(StrEnum):
    """Who steers."""

    NONE = "none"
    INVERTER = "inverter"
    COMMUNITY = "community"
    TARIFF = "tariff"
    PLAN = "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be found out."""

    controller: Controller = Controller.PLAN
    order: Order | None = None
    """None: that of the city, else local."""
    forecast: str = "model"
    """Name of an installed forecaster, or ``perfect``, or ``none``: no plan, only the tick."""
    planner: str = "lp"
    allowance: float | None = None
    """None: that of the city, else the default."""
    peak_limit_kw: float = float("inf")
    """What each pool should not import more of."""
    demand_per_kw: float = 0.0
    """Charge on the month's highest mean import, for a record without a city."""
    plan_every_s: float = 3600.0
    horizon_s: float = 36 * 3600.0
    portfolio: Portfolio | None = None
    """The city that the record is of."""

    def __post_init__(self) -> None:
        for name in ("peak_limit_kw", "demand_per_kw"):
            if not getattr(self, name) >= 0:
                raise InvariantError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if self.portfolio is not None and (np.isfinite(self.peak_limit_kw) or self.demand_per_kw):
            raise InvariantError(
                "the city file states peak limit and demand charge: change them there"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What was found."""

    ask: Ask
    recording: Recording
    """With the city's limits and prices where there is one."""
    pools: Pools
    goals: Goals
    asked: PlanRun
    """The controller that was asked for."""
    beside: tuple[Run, ...]
    """What else could have been done, perfect foresight last."""
    foreseen: Run | None = None
    """The same planner with a perfect forecast."""
    look_at: int = 0
    """Slot whose value curve is shown: that of the highest import without control."""

    @property
    def run(self) -> Run:
        return self.asked.run

    @property
    def bound(self) -> Run:
        return self.beside[-1]

    @property
    def allowance_by(self) -> str:
        """Who stated the allowance."""
        if self.ask.allowance is not None:
            return "asked for"
        return "the default" if self.ask.portfolio is None else "the city's"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """A record made ready for every controller; it travels to worker processes."""

    ask: Ask
    recording: Recording
    pools: Pools
    goals: Goals
    look_at: int = 0
    unfinished: Path | None = None
    """Folder of what is kept of runs that were interrupted."""

    def keeper(self, name: str) -> Keeper | None:
        if self.unfinished is None:
            return None
        question = (version("vpp-orchestrator"), VERSION, name, replace(self, unfinished=None))
        return Keeper(self.unfinished / f"{name.replace(' ', '-')}.run", question)

    def setting(self, *, carbon_known: bool) -> Setting:
        if self.ask.portfolio is not None:
            portfolio = replace(self.ask.portfolio, goals=self.goals)
            return of_city(self.recording, portfolio)
        tariff = recorded_tariff(
            self.recording, demand_per_kw=self.ask.demand_per_kw, carbon_known=carbon_known
        )
        return of_recording(
            self.recording,
            pools=self.pools,
            goals=self.goals,
            tariff=tariff,
            contract_kw=self.ask.peak_limit_kw,
        )


def answer(
    ask: Ask,
    recording: Recording,
    *,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _slot: None,
    unfinished: Path | None = None,
) -> Answer:
    """Run the controller over the record, and everything that it is measured against.

    The answer is the same for any number of workers: each controller is one chain of slots in
    one process. It is the same, too, where a run that was interrupted goes on.

    Args:
        ask: What is to be found out.
        recording: What happened.
        workers: Processes to use.
        progress: Told the number of slots that the controller asked for has done.
        unfinished: Folder in which runs with a plan keep how far they have come, every simulated
            week, until all are done; None: nothing is kept.

    Raises:
        InvariantError: the record is not of the city, or a schedule is not physically possible.
        ConfigurationError: no planner or forecaster of that name.
    """
    scene = replace(_scene(ask, recording), unfinished=unfinished)
    with side_by_side(workers) as begin:
        beside = {name: begin(_rule, scene, name) for name in _rules(scene)}
        bound = begin(_bound, scene)
        foreseen = begin(_foreseen, scene) if _is_planned(ask) else None
        asked = _asked(scene, progress)
        runs = (*(one() for one in beside.values()), bound())
        ahead = None if foreseen is None else foreseen()
    for run in (asked.run, *runs, *(() if ahead is None else (ahead,))):
        require_feasible(run, scene.recording)
    for name in ("plan", FORESEEN):
        if (keeper := scene.keeper(name)) is not None:
            keeper.forget()
    return Answer(
        ask=ask,
        recording=scene.recording,
        pools=scene.pools,
        goals=scene.goals,
        asked=asked,
        beside=runs,
        foreseen=ahead,
        look_at=scene.look_at,
    )


def check(ask: Ask, recording: Recording) -> None:
    """See that this can be asked of the record, before anything is begun.

    Raises:
        InvariantError: the record is not of the city, or lacks what the question is about.
    """
    _scene(ask, recording).setting(carbon_known=False)


def _scene(ask: Ask, recording: Recording) -> _Scene:
    city = ask.portfolio
    goals = Goals() if city is None else city.goals
    goals = replace(
        goals,
        order=goals.order if ask.order is None else ask.order,
        allowance=goals.allowance if ask.allowance is None else ask.allowance,
    )
    if city is None:
        pools = [list(range(len(recording.sites)))]
    else:
        pools, recording = pools_of(recording, city), for_city(recording, city)
    _require_prices(ask, goals.order, recording)
    net_kw = (recording.load_kw - recording.pv_kw).sum(axis=0)
    return _Scene(
        ask=ask, recording=recording, pools=pools, goals=goals, look_at=int(np.argmax(net_kw))
    )


def _require_prices(ask: Ask, order: Order, recording: Recording) -> None:
    """``recording``: with the city's prices, which are left out where pools pay unlike ones."""
    if recording.price_per_kwh is not None:
        return
    city = ask.portfolio
    if city is None:
        none = "the record has no signals_hourly.csv with price_..._per_kwh: add it, or name a city"
    else:
        none = f"the pools of {city.id} do not share one tariff: state it in the city file"
    if ask.controller is Controller.TARIFF:
        raise InvariantError(f"the controller tariff goes by prices, and {none}")
    unpriced = city is None or not any(node.tariff for node in city.nodes.values())
    if order is Order.COST and unpriced:
        raise InvariantError(f"the order cost counts money, and {none}")


def _is_planned(ask: Ask) -> bool:
    """Whether there is a forecast that foresight could improve."""
    return ask.controller is Controller.PLAN and ask.forecast not in {"none", "perfect"}


def _rules(scene: _Scene) -> list[str]:
    """The rules that have something to go by."""
    return [name for name in RULES if name != "tariff" or scene.recording.price_per_kwh is not None]


def _rule(scene: _Scene, name: str) -> Run:
    return run_rule(name, scene.recording, RULES[name], pools=scene.pools)


def _bound(scene: _Scene) -> Run:
    priced = scene.recording.price_per_kwh is not None
    least = least_cost if scene.goals.order is Order.COST and priced else least_import
    return least(scene.recording, pools=scene.pools)


def _foreseen(scene: _Scene) -> Run:
    foresight = replace(scene, ask=replace(scene.ask, forecast="perfect"))
    return _asked(foresight, lambda _slot: None, name=FORESEEN).run


def _asked(scene: _Scene, progress: Callable[[int], None], name: str = "plan") -> PlanRun:
    ask, recording = scene.ask, scene.recording
    if ask.controller is not Controller.PLAN:
        run = _rule(scene, ask.controller)
        progress(len(recording.grid))
        return PlanRun(run=run)
    setting = scene.setting(carbon_known=ask.forecast == "perfect")
    return run_plan(
        name,
        recording,
        setting,
        thinking=_thinking(ask, recording, setting),
        watching=Watching(
            progress=progress, keep_plans_of=scene.look_at, keeper=scene.keeper(name)
        ),
    )


def _thinking(ask: Ask, recording: Recording, setting: Setting) -> Thinking | None:
    if ask.forecast == "none":
        return None
    made = installed(ask.planner, "model" if ask.forecast == "perfect" else ask.forecast)
    if ask.forecast == "perfect":
        made = replace(made, forecaster=_foresight(recording, setting))
    every = max(round(ask.plan_every_s / (recording.hours * 3600.0)), 1)
    return replace(made, every=every, horizon_s=ask.horizon_s)


def _foresight(recording: Recording, setting: Setting) -> Foresight:
    """Of cars that are to come it knows what they would draw on arrival."""
    booked = bookings(recording, setting)
    others = on_arrival_run(recording, unsteered(recording, booked))
    steered = on_arrival_run(recording, [booking.position for booking in booked])
    drawn_kw = at_chargers_kw(recording, steered, tuple(setting.chargers))
    by_charger = dict(zip(setting.chargers.values(), drawn_kw, strict=True))
    return Foresight(recording, others.ev_kw, by_charger)
