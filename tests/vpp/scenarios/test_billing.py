"""A plan made within a billing interval knows what was imported since the interval began."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.vpp.scenarios.street import POOL, portfolio, street
from vpp.domain.ids import NodeId, TariffId
from vpp.domain.network import Limit
from vpp.domain.portfolio import Portfolio
from vpp.domain.tariff import DayType, DemandCharge, Season, Tariff, TariffPeriod

pytestmark = pytest.mark.virtual_time

CONTRACT_KW = 6.0
FAILS_MIN = 7


def charged() -> Portfolio:
    """The street with a contract and a charge on the highest quarter hour."""
    city = portfolio()
    always = Season(
        name="always",
        months=frozenset(range(1, 13)),
        bands=dict.fromkeys(DayType, ("all",) * 24),
        energy_per_kwh={"all": 100.0},
    )
    period = TariffPeriod(
        valid_from=date(2020, 1, 1),
        source="made up",
        seasons=(always,),
        demand=DemandCharge(per_kw=6000.0),
    )
    tariff = Tariff(id=TariffId("flat"), time_zone=city.time_zone, periods=(period,))
    feeder = replace(
        city.nodes[NodeId("feeder")],
        tariff=tariff.id,
        limits=(Limit(import_max=CONTRACT_KW, hard=False),),
    )
    return replace(city, nodes={**city.nodes, feeder.id: feeder}, tariffs={tariff.id: tariff})


async def test_a_battery_that_fails_within_the_quarter_hour(tmp_path: Path) -> None:
    """All batteries are empty, so that the street imports its load."""
    async with street(tmp_path, of=charged()) as made:
        for cell in made.world.cells.values():
            cell.stored_kwh = 0.1 * cell.capacity_kwh
        await made.until(FAILS_MIN / 60)
        made.wired("b-ess").alive = False
        await made.until(14 / 60)
        load_kw = made.world.load_kw[:, :FAILS_MIN].sum(axis=0)
    problem = made.planning.problems[-1]
    assert "b-bat" not in problem.batteries.ids
    edges_s, prices = problem.grid.edges_s, problem.prices
    into_s = float(edges_s[0] % 900)
    assert FAILS_MIN * 60 < into_s < (FAILS_MIN + 2) * 60
    assert edges_s[0] == problem.issued_at.timestamp()
    assert set(np.diff(edges_s[1:])) == {900.0}
    assert prices.running_part == pytest.approx(into_s / 900)
    assert prices.running_import_kw == pytest.approx(load_kw.mean(), rel=0.05)
    left_kw = (CONTRACT_KW - prices.running_part * prices.running_import_kw) / (
        1 - prices.running_part
    )
    contract_kw = problem.nodes.contract_import_kw[0]
    assert contract_kw[0] == pytest.approx(left_kw)
    assert set(contract_kw[1:]) == {CONTRACT_KW}
    plan = made.view.plans[POOL]
    assert plan.grid.edges_s[0] == edges_s[1] - 900.0
