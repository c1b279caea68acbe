"""Slots that grow with the distance."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.slots import Fineness, SlotGrid

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 3 * 365 * 86400).map(lambda s: BEGIN + timedelta(seconds=s))


@given(at=MOMENTS, fineness=st.sampled_from(Fineness), offset_h=st.sampled_from([0.0, 9.0, 9.5]))
def test_slots_join_reach_far_enough_and_longer_ones_lie_on_their_own_multiples(
    at: datetime, fineness: Fineness, offset_h: float
) -> None:
    grid = SlotGrid.fading(at, fineness.spans, offset_s=3600.0 * offset_h)
    lengths = np.diff(grid.edges_s)
    assert grid.index(at) == 0
    assert (np.diff(lengths) >= 0).all()
    assert ((grid.edges_s[:-1] + 3600.0 * offset_h) % lengths == 0).all()
    for step_s, until_s in fineness.spans:
        reach = grid.edges_s[1:][lengths <= step_s].max() - at.timestamp()
        assert until_s <= reach < until_s + 3600.0


def test_finer_slots_are_five_minutes_then_quarters_then_hours() -> None:
    at = datetime(2026, 7, 15, 3, 7, tzinfo=UTC)
    lengths = np.diff(SlotGrid.fading(at, Fineness.FINER.spans).edges_s)
    counts = {int(s): int((lengths == s).sum()) for s in np.unique(lengths)}
    assert counts == {300: 26, 900: 91, 3600: 24}


def test_equal_slots_are_those_that_contain_the_moment() -> None:
    at = datetime(2026, 7, 15, 3, 7, tzinfo=UTC)
    found = SlotGrid.fading(at, Fineness.EQUAL.spans)
    assert found.same_as(SlotGrid.containing(at, count=len(found), step_s=900.0))


@given(at=MOMENTS, later=st.integers(0, 7200))
def test_energy_is_the_same_however_slots_are_cut(at: datetime, later: int) -> None:
    old = SlotGrid.fading(at, Fineness.FINER.spans)
    new = SlotGrid.fading(at + timedelta(seconds=later), Fineness.COARSER.spans)
    parts = new.parts_of(old)
    inside = (new.edges_s[:-1] >= old.edges_s[0]) & (new.edges_s[1:] <= old.edges_s[-1])
    power = np.random.default_rng(later).normal(size=len(old))
    energy = np.concatenate([[0.0], np.cumsum(power * old.hours)])
    upto = np.interp(new.edges_s, old.edges_s, energy)
    assert (parts @ power * new.hours)[inside] == pytest.approx(np.diff(upto)[inside], abs=1e-9)
    np.testing.assert_allclose(parts.sum(axis=1)[inside], 1.0)
