"""The plan starts from the stored energy that the tick believes, not from one reading."""

from pathlib import Path

import pytest

from tests.vpp.scenarios.street import street
from vpp.domain.ids import AssetId

pytestmark = pytest.mark.virtual_time

BATTERY = AssetId("b-bat")


async def test_a_reading_that_jumps_is_planned_with_by_half(tmp_path: Path) -> None:
    async with street(tmp_path) as made:
        cell = made.world.cells["b"]
        cell.stored_kwh = 0.9 * cell.capacity_kwh
        await made.until(14.6 / 60)
        counted = cell.stored_kwh
        cell.stored_kwh = read = counted - 0.5 * cell.capacity_kwh
        await made.until(16 / 60)
    plan = made.planning.problems[-1]
    assert plan.grid.edges_s[0] % 900 < 60
    planned_kwh = plan.batteries.energy_kwh[plan.batteries.ids.index(BATTERY)]
    assert planned_kwh == pytest.approx((counted + read) / 2, abs=0.04 * cell.capacity_kwh)
