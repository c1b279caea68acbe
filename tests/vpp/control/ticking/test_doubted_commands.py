"""What devices answer, or do not, changes what the tick asks of them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.control.ticking.city import city
from tests.vpp.control.ticking.plant import Run
from tests.vpp.control.ticking.runs import codes, houses, news, surplus
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import CommandNews
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.ids import AssetId
from vpp.domain.outcome import Cause, Outcome


def test_a_device_that_does_not_obey_goes_to_its_safe_state_and_the_others_take_over() -> None:
    run = surplus(city(houses(3)), 6.0).ticks(100)
    news(run, "bat0-0", Outcome.NOT_OBEYING)
    run.ticks(1)
    mine = [c for c in run.last.commands if c.asset == "bat0-0"]
    assert [c.write_class for c in mine] == [WriteClass.PROTECTION]
    assert mine[0].setpoint.form is Form.STOP
    assert "dev-bat0-0" not in run.last.decided
    run.ticks(30)
    assert not [d for at, d in run.plant.log if d.asset == "bat0-0" and at > run.plant.now_s - 29]
    assert run.battery_kw()[-1][1:].sum() == pytest.approx(18.0, abs=1.0)
    assert "NOT_OBEYING" in codes(run)


def test_an_unknown_outcome_is_not_written_until_it_is_read_back() -> None:
    run = surplus(city(houses(2)), 6.0).ticks(100)
    news(run, "bat0-0", Outcome.UNKNOWN)
    run.plant.unanswered = {"bat0-0"}
    levels = always(-2.0, -2.0)
    run.plant.load = levels
    run.ticks(20)
    assert not [d for at, d in run.plant.log if d.asset == "bat0-0" and at > run.plant.now_s - 20]
    assert "UNKNOWN_OUTCOME" in codes(run)
    run.plant.unanswered = set()
    run.ticks(30)
    assert "UNKNOWN_OUTCOME" not in codes(run)
    assert run.battery_kw()[-1].sum() == pytest.approx(4.0, abs=0.3)


def test_a_limited_device_is_believed_and_the_rest_redistributed() -> None:
    run = surplus(city(houses(2)), 6.0).ticks(100)
    run.plant.most_kw = {"bat0-0": 2.0}
    run.ticks(2)
    news(run, "bat0-0", Outcome.LIMITED, Cause.TAPER)
    run.ticks(30)
    told = run.last.wanted_kw[run.plant.city.layout.asset_at[AssetId("bat0-0")]]
    assert told <= 2.0 + 1e-6
    assert run.battery_kw()[-1].sum() == pytest.approx(12.0, abs=0.4)
    assert "NOT_OBEYING" not in codes(run)


def test_a_device_that_obeys_only_zero_is_barred_for_longer_each_time() -> None:
    run = surplus(city(houses(2)), 12.0).ticks(100)
    news(run, "bat0-0", Outcome.NOT_OBEYING)
    run.ticks(1)
    at = run.plant.pool.asset_at[AssetId("bat0-0")]
    stopped = replace(run.plant.log[-1][1].setpoint, asset=AssetId("bat0-0"), form=Form.STOP)
    run.news = (
        CommandNews(
            asset=AssetId("bat0-0"), setpoint=stopped, sent_s=run.plant.now_s,
            outcome=Outcome.FOLLOWED,
        ),
    )  # fmt: skip
    run.ticks(120)
    assert run.state.memory.strikes[at] == 1.0
    assert run.battery_kw()[-1][0] > 1.0
    news(run, "bat0-0", Outcome.FOLLOWED)
    run.ticks(1)
    assert run.state.memory.strikes[at] == 0.0


def test_what_is_never_taken_over_is_sent_once_more_and_then_ever_more_seldom() -> None:
    run = surplus(city(houses(2)), 12.0).ticks(5)
    at = run.plant.pool.asset_at[AssetId("bat0-0")]
    run.plant.deaf = {"bat0-0"}
    run.plant.setpoint[at] = 0.0
    run.plant.expires[at] = np.inf
    begun_s = run.plant.now_s
    sent_s: list[float] = []

    def unanswered(run: Run) -> None:
        mine = [d for d in run.results[-1].commands if d.asset == "bat0-0"]
        if mine and mine[0].write_class is not WriteClass.REFRESH:
            sent_s.append(run.plant.now_s - begun_s)
            news(run, "bat0-0", Outcome.UNKNOWN)

    run.each = unanswered
    run.ticks(400)
    asked = [s for s in sent_s if s < 60.0]
    assert 2 <= len(asked) <= 4, "sent, sent once more, its safe state"
    assert len(sent_s) <= 9
    assert "NOT_OBEYING" in codes(run)
    assert run.battery_kw()[-1][1] == pytest.approx(15.0, abs=0.5), "the other one takes over"


def test_one_command_not_taken_over_bars_nobody() -> None:
    run = surplus(city(houses(2)), 12.0).ticks(5)
    run.plant.deaf = {"bat0-0"}
    run.ticks(2)
    news(run, "bat0-0", Outcome.UNKNOWN)
    run.plant.deaf = set()
    run.ticks(20)
    assert run.battery_kw()[-1][0] > 1.0
    assert "NOT_OBEYING" not in codes(run)
