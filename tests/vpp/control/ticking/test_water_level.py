"""Portions are level from the top down, whoever is full or never reached."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vpp.control.sharing import water_level

MEMBER = st.tuples(
    st.integers(0, 2),  # its group
    st.floats(0, 5) | st.just(1.0),  # hours left
    st.sampled_from([0.5, 4.0, 20.0]),  # portion that lowers it by an hour
    st.floats(0, 30) | st.just(0.0),  # room
)
WANT = st.floats(0, 60) | st.just(0.0)


@given(members=st.lists(MEMBER, min_size=1, max_size=9), want=st.tuples(WANT, WANT, WANT))
def test_a_want_is_met_from_the_top_down_to_one_level(
    members: list[tuple[int, float, float, float]], want: tuple[float, float, float]
) -> None:
    of, hours, per_hour, room = (np.array(column) for column in zip(*members, strict=True))
    portion = water_level(np.array(want), of, hours, per_hour, room)
    assert (portion >= 0).all()
    assert (portion <= room + 1e-9).all()
    for group, wanted in enumerate(want):
        mine = of == group
        assert np.isclose(portion[mine].sum(), min(wanted, room[mine].sum()), atol=1e-6)
        if wanted <= np.minimum(hours * per_hour, room)[mine].sum():
            left_h = (hours - portion / per_hour)[mine]
            could, did = portion[mine] < room[mine] - 1e-6, portion[mine] > 1e-6
            assert left_h[could].max(initial=0.0) <= left_h[did].min(initial=np.inf) + 1e-6
