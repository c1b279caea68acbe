from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulators.city import Charger
from simulators.inputs.ev import ChargerLife, parameters
from simulators.sessions import EvSession
from tests.simulators.sample import sample_city

SEOUL = ZoneInfo("Asia/Seoul")
BEGIN = datetime(2026, 3, 1, tzinfo=SEOUL)
DAYS = 200


def charger(**changes: Any) -> Charger:
    return replace(sample_city().chargers[0], **changes)


def life(**changes: Any) -> ChargerLife:
    return ChargerLife(sample_city(), charger(**changes))


@pytest.fixture(scope="module")
def sessions() -> list[EvSession]:
    return life(sessions_per_day=0.9).between(BEGIN, BEGIN + timedelta(days=DAYS))


def test_one_car_at_a_time(sessions: list[EvSession]) -> None:
    busy = life(sessions_per_day=6).between(BEGIN, BEGIN + timedelta(days=30))
    for some in (sessions, busy):
        assert len(some) > 100
        assert all(before.departure < after.arrival for before, after in pairwise(some))
        assert all(s.departure - s.arrival >= timedelta(minutes=15) for s in some)


def test_arrivals_peak_where_they_were_measured(sessions: list[EvSession]) -> None:
    hours = np.array([session.arrival.astimezone(SEOUL).hour for session in sessions])
    assert ((hours >= 14) & (hours < 22)).mean() > 0.6
    assert ((hours >= 2) & (hours < 7)).mean() < 0.06


def test_energy_and_stay_are_like_the_measured_ones(sessions: list[EvSession]) -> None:
    energy_kwh = np.array([session.energy_wh for session in sessions]) / 1000
    stay_h = np.array([(s.departure - s.arrival).total_seconds() / 3600 for s in sessions])
    assert 6 < np.median(energy_kwh) < 10
    assert energy_kwh.max() <= parameters()["energy"]["highest_kwh"]
    assert 4 < np.median(stay_h) < 14
    assert np.corrcoef(energy_kwh, stay_h)[0, 1] > 0.1


def test_no_car_needs_more_than_its_stay_can_serve(sessions: list[EvSession]) -> None:
    for session in sessions:
        stay_h = (session.departure - session.arrival).total_seconds() / 3600
        assert 0 < session.energy_wh <= max(500, session.max_w * stay_h)


def test_a_car_draws_on_each_of_its_phases_what_station_and_car_can_carry(
    sessions: list[EvSession],
) -> None:
    kinds = {(session.max_w, session.phases) for session in sessions}
    assert kinds == {(3667, 1), (11_000, 3)}
    strong = life(max_w=22_000).between(BEGIN, BEGIN + timedelta(days=20))
    assert {(s.max_w, s.phases) for s in strong} == {(3700, 1), (7333, 1), (11_000, 3)}
    assert all(s.min_w == pytest.approx(4100 * s.phases / 3) for s in sessions)
    assert all(s.min_w <= s.max_w for s in sessions)


def test_a_single_phase_station_limits_every_car() -> None:
    small = life(max_w=3700, floor_w=1400, phases=1)
    found = small.between(BEGIN, BEGIN + timedelta(days=20))
    assert {(s.max_w, s.phases, s.min_w) for s in found} == {(3667, 1, 1400), (3700, 1, 1400)}


def test_as_many_announce_as_stated(sessions: list[EvSession]) -> None:
    for told in ("announces_departure", "announces_need"):
        assert np.mean([getattr(s, told) for s in sessions]) == pytest.approx(0.6, abs=0.12)
    silent = life(announces_departure=0, announces_need=1)
    found = silent.between(BEGIN, BEGIN + timedelta(days=20))
    assert not any(s.announces_departure for s in found)
    assert all(s.announces_need for s in found)


def test_any_stretch_of_time_tells_the_same_story(sessions: list[EvSession]) -> None:
    begin, end = BEGIN + timedelta(days=50, hours=7), BEGIN + timedelta(days=61)
    part = life(sessions_per_day=0.9).between(begin, end)
    assert part == [s for s in sessions if s.arrival < end and s.departure > begin]


def test_the_next_car_is_the_next_of_the_story(sessions: list[EvSession]) -> None:
    connector = life(sessions_per_day=0.9)
    for before, after in list(pairwise(sessions))[:30]:
        assert connector.upcoming(before.departure) == after


def test_a_connector_that_nobody_uses_waits_for_nobody() -> None:
    assert life(sessions_per_day=0).upcoming(BEGIN) is None


def test_seeds_and_connectors_tell_different_stories(sessions: list[EvSession]) -> None:
    until = BEGIN + timedelta(days=20)
    own = [s.arrival for s in life().between(BEGIN, until)]
    other = ChargerLife(sample_city(21), charger()).between(BEGIN, until)
    assert own != [s.arrival for s in other]
    assert own != [s.arrival for s in life(id="hub-cp2").between(BEGIN, until)]
