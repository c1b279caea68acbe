"""Cars over real MQTT: from the station's word that one has come to the power that it draws."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise

import pytest

from simulators.wire import BrokerAddress
from simulators.wire.broker import embedded_broker
from simulators.wire.free_ports import free_base_port
from tests.integration.depot import CARS, PORTS, Depot, Reluctant, depot
from vpp.control.car_turns import DWELL_S
from vpp.control.loop import TickView
from vpp.control.state import ControlState
from vpp.domain.audit import Event

pytestmark = pytest.mark.timeout(400)  # some patient waits, on a busy machine


async def test_a_car_that_comes_is_served_at_once_and_planned_with_the_stations_defaults() -> None:
    async with depot() as made:
        await made.until(lambda: bool(made.planning.problems), "a first plan")
        assert not made.planning.problems[-1].sessions.assets
        made.plug("cp1", need_kwh=20.0, silent=True)
        await made.until(lambda: made.known(made.views[-1], "cp1"), "its session")
        first = next(view for view in made.views if made.known(view, "cp1"))
        assert made.told_kw(first, "cp1") >= 4.1 - 1e-6, "in the tick that hears of it"
        await made.until(lambda: made.true_kw("cp1") >= 4.0, "its power")
        await made.until(lambda: bool(made.planning.problems[-1].sessions.assets), "a new plan")
        problem, cars = made.planning.problems[-1], made.planning.problems[-1].sessions
        assert cars.assets == ("cp1",)
        assert cars.need_kwh[0] == pytest.approx(7.0, abs=1.0), "as the station declares"
        leaves = first.snapshot.at + timedelta(hours=2)
        stays = problem.grid.edges_s[:-1] < leaves.timestamp()
        assert ((cars.max_kw[0] > 0) == stays).all()
        assert (cars.guaranteed_kw[0] > 0).any(), "whatever the plan says"


async def test_cars_take_turns_under_a_tight_limit_and_nobody_breaks_it() -> None:
    async with depot() as made:
        made.operator.limit_kw = 9.9
        for car in CARS:
            made.plug(car, need_kwh=40.0, silent=True)
        await made.until(lambda: all(made.known(made.views[-1], car) for car in CARS), "all")
        await made.for_s(60.0)
        begun = len(made.views)
        await made.for_s(5 * DWELL_S)
        views = made.views[begun:]
        for view in views:
            assert sum(made.told_kw(view, car) for car in CARS) <= 9.9 + 1e-6
        for car in CARS:
            assert made.unit(car).energy_wh > 0, f"{car} had a turn"
            at_s = changes(made, views, car)
            assert all(after - before >= DWELL_S - 1 for before, after in pairwise(at_s))


def changes(made: Depot, views: Sequence[TickView[ControlState]], car: str) -> list[float]:
    """When its offer went to nothing or back, city monotonic."""
    told = [(view.snapshot.now_s, made.told_kw(view, car) > 0) for view in views]
    return [at_s for (_, was), (at_s, now) in pairwise(told) if was is not now]


async def test_what_a_car_leaves_goes_to_the_other_and_comes_back() -> None:
    async with depot() as made:
        made.operator.limit_kw = 17.0
        made.plug("cp1", need_kwh=60.0, hours=5.0, kind=Reluctant)
        made.plug("cp2", need_kwh=60.0, hours=5.0)
        await made.until(lambda: made.true_kw("cp2") >= 9.5, "the rest at the other car")
        assert made.true_kw("cp1") == pytest.approx(4.6, abs=0.2)
        await made.for_s(600.0)
        assert made.true_kw("cp2") >= 9.5
        session = made.unit("cp1").session
        assert isinstance(session, Reluctant)
        session.most_w = 11000.0
        await made.until(lambda: made.true_kw("cp1") >= 7.0, "its own share again")
        assert told_off(made) == []


async def test_a_broker_that_dies_in_mid_session_leaves_the_floor_and_all_goes_on_after() -> None:
    address = BrokerAddress("127.0.0.1", free_base_port(range(PORTS)))
    async with AsyncExitStack() as second, AsyncExitStack() as first:
        await first.enter_async_context(embedded_broker(address))
        async with depot(address) as made:
            made.plug("cp1", need_kwh=60.0, hours=5.0)
            await made.until(lambda: made.true_kw("cp1") >= 9.5, "a full offer")
            session = made.unit("cp1").session
            await first.aclose()
            await made.until(lambda: not made.online("st1"), "its loss")
            await made.until(lambda: abs(made.true_kw("cp1") - 4.1) < 0.1, "the floor")
            await second.enter_async_context(embedded_broker(address))
            await made.until(lambda: made.online("st1"), "its return")
            await made.until(lambda: made.true_kw("cp1") >= 9.5, "a full offer again")
            assert made.unit("cp1").session is session
            assert {"OFFLINE"} <= alarms(made)
            assert told_off(made) == []


def told_off(made: Depot) -> list[str]:
    """Of whom it was said that they do not obey, and why."""
    raised = [r for r in made.audit.records if r.event is Event.ALARM and r.outcome == "raised"]
    return [f"{r.subject} {r.why}" for r in raised if r.why.startswith("NOT_OBEYING")]


def alarms(made: Depot) -> set[str]:
    """Codes of all that were raised."""
    raised = [r for r in made.audit.records if r.event is Event.ALARM and r.outcome == "raised"]
    return {record.why.partition(":")[0] for record in raised}
