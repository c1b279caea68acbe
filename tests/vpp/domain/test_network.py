"""The tightest of a node's limits, whatever each is stated in."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.ids import NodeId
from vpp.domain.network import GridNode, Layer, Limit, Unit

MOST = st.floats(0, 1e4) | st.just(math.inf)
LIMITS = st.lists(
    st.builds(
        Limit,
        import_max=MOST,
        export_max=MOST,
        unit=st.sampled_from(Unit),
        layer=st.sampled_from(Layer),
        hard=st.booleans(),
        power_factor=st.floats(0.1, 1),
    ),
    max_size=6,
)


@given(limits=LIMITS, hard=st.booleans(), kw=st.floats(0, 1e4))
def test_a_power_is_within_the_tightest_if_every_limit_in_kw_and_kva_carries_it(
    limits: list[Limit], hard: bool, kw: float
) -> None:
    node = GridNode(id=NodeId("node"), limits=tuple(limits))
    tightest = node.tightest_kw(hard=hard)
    asked = [one for one in limits if one.hard is hard and one.unit is not Unit.A_PER_PHASE]
    parts = [one.power_factor if one.unit is Unit.KVA else 1.0 for one in asked]
    carried = [
        (p * one.import_max, p * one.export_max) for p, one in zip(parts, asked, strict=True)
    ]
    assert (kw <= tightest.import_max) is all(kw <= most for most, _ in carried)
    assert (kw <= tightest.export_max) is all(kw <= most for _, most in carried)
    for one in (tightest.imports, tightest.exports):
        assert (one.unit, one.hard) == (Unit.KW, hard)
        assert one == Limit(hard=hard) or one.layer in {limit.layer for limit in asked}
