"""Limits of nodes above the pools: two pools under one city, each tick handed its band."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from vpp.control.allotment import Request, share
from vpp.control.inputs import Alarm
from vpp.control.parents import ParentMemory, Parents
from vpp.domain.assets import Asset, Load, Pv
from vpp.domain.ids import AssetId, NodeId, PoolId, PortfolioId, SiteId
from vpp.domain.network import GridNode, Limit, Sharing, Site, Unit
from vpp.domain.order import Goals
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Ending, Proposal, Rank, Scope, ScopeKind
from vpp.domain.session import EvSession

POOLS = (PoolId("east"), PoolId("west"))
CITY = Scope(kind=ScopeKind.NODE, id="city")


def above(
    import_kw: float = math.inf,
    export_kw: float = math.inf,
    *,
    kva: float = math.inf,
    hard: bool = True,
) -> Portfolio:
    """Two pools of one site each under a node with a rating, and one in kVA or a contract."""
    root = NodeId("city")
    rating = Limit(import_max=import_kw, export_max=export_kw)
    apparent = Limit(import_max=kva, export_max=kva, unit=Unit.KVA, power_factor=0.7, hard=hard)
    nodes = {root: GridNode(id=root, limits=(rating, apparent))}
    sites: dict[SiteId, Site] = {}
    assets: dict[AssetId, Asset] = {}
    for name in POOLS:
        node, connection = NodeId(name), NodeId(f"{name}-connection")
        nodes[node] = GridNode(id=node, parent=root, settles=True)
        nodes[connection] = GridNode(id=connection, parent=node)
        site = Site(id=SiteId(f"{name}-site"), node=connection)
        sites[site.id] = site
        for asset in (
            Load(id=AssetId(f"{name}-load"), site=site.id, max_kw=50.0),
            Pv(id=AssetId(f"{name}-pv"), site=site.id, peak_kw=50.0),
        ):
            assets[asset.id] = asset
    return Portfolio(
        id=PortfolioId("two"), name="two", currency="KRW", time_zone="Asia/Seoul", country="KR",
        latitude=35.0, longitude=127.0, goals=Goals(), nodes=nodes, sites=sites, assets=assets,
        meters={}, links={}, devices={},
    )  # fmt: skip


class Street:
    """Both pools on plants of their own, ticking together."""

    def __init__(self, portfolio: Portfolio, runs: tuple[Run, Run]) -> None:
        self.parents, self.memory = Parents(portfolio), ParentMemory()
        self.runs = dict(zip(POOLS, runs, strict=True))
        self.proposals: tuple[Proposal, ...] = ()
        self.alarms: tuple[Alarm, ...] = ()
        self.nets: list[float] = []

    def ticks(self, count: int) -> "Street":
        for _ in range(count):
            requests = {
                pool: run.results[-1].request
                for pool, run in self.runs.items()
                if run.results and run.results[-1].request is not None
            }
            now_s = next(iter(self.runs.values())).plant.now_s
            self.memory, handed, self.alarms = self.parents.hand_down(
                self.memory, self.proposals, requests, now_s
            )
            for pool, run in self.runs.items():
                run.handed = handed[pool]
                run.ticks(1)
            self.nets.append(sum(float(run.plant.nets().sum()) for run in self.runs.values()))
        return self


def charging(cars: int, load_kw: float) -> Run:
    """A site whose cars take what they are given."""
    made = city([House(cars=[(4.0, 20.0)] * cars, load_kw=200.0)])
    plant = Plant(city=made, load=lambda _: np.array([load_kw]))
    for car in (asset for asset in made.layout.assets if asset.startswith("car")):
        plant.sessions[car] = EvSession(
            id=f"s-{car}", asset=car, arrival=plant.at, need_kwh=60.0,
            departure=datetime(2025, 6, 21, 4, 0, tzinfo=UTC),
        )  # fmt: skip
    return Run(plant=plant)


def storing(load_kw: float, soc: float) -> Run:
    made = city([House(stores=[Store(kwh=60.0, kw=30.0)], load_kw=200.0)])
    return Run(plant=Plant(city=made, load=lambda _: np.array([load_kw]), soc=soc))


def test_in_order_the_first_pool_of_the_file_has_all_that_it_asks() -> None:
    """East's three cars take 60 kW beside 5 of load; west has what is left of 90, and its load."""
    portfolio = above(import_kw=90.0)
    root = replace(portfolio.nodes[NodeId("city")], sharing=Sharing.IN_ORDER)
    ranked = replace(portfolio, nodes={**portfolio.nodes, root.id: root})
    nets = []
    for city_of_two in (portfolio, ranked):
        street = Street(city_of_two, (charging(3, 5.0), charging(3, 5.0))).ticks(60)
        assert max(street.nets) <= 90.0 + 0.01
        nets.append([float(run.plant.nets().sum()) for run in street.runs.values()])
    (east, west), (first, last) = nets
    assert abs(east - west) < 5.0
    assert first > 64.0
    assert last < 26.0


def test_cars_of_two_pools_share_the_citys_rating() -> None:
    free = Street(above(), (charging(3, 5.0), charging(3, 5.0))).ticks(60)
    assert free.nets[-1] > 100.0
    held = Street(above(import_kw=70.0), (charging(3, 5.0), charging(3, 5.0))).ticks(60)
    assert max(held.nets) <= 70.0 + 0.01, held.nets
    assert held.nets[-1] > 60.0
    east, west = (float(run.plant.nets().sum()) for run in held.runs.values())
    assert abs(east - west) < 5.0
    texts = [reason.text for run in held.runs.values() for reason in run.last.reasons]
    assert any("the rating of city" in text for text in texts)


def test_a_city_rated_in_kva_is_shared_as_what_that_is_in_kw() -> None:
    portfolio = above(kva=100.0)
    held = Street(portfolio, (charging(3, 5.0), charging(3, 5.0))).ticks(60)
    assert 60.0 < held.nets[-1] <= 70.0 + 0.01
    nets = {PoolId("east"): np.array([40.0, 40.0]), PoolId("west"): np.array([29.0, 31.0])}
    assert Parents(portfolio).overloaded(nets).tolist() == [False, True]


def test_a_contract_of_a_city_in_kva_is_a_preference_of_plans_alone() -> None:
    portfolio = above(kva=100.0, hard=False)
    nets = {PoolId("east"): np.array([40.0, 40.0]), PoolId("west"): np.array([29.0, 31.0])}
    assert Parents(portfolio, contracts=True).overloaded(nets).tolist() == [False, True]
    assert Parents(portfolio).overloaded(nets).tolist() == [False, False]


def test_one_pool_discharges_for_the_other_when_the_city_is_full() -> None:
    full = Street(above(import_kw=20.0), (storing(5.0, 0.9), charging(2, 5.0))).ticks(90)
    assert max(full.nets[10:]) <= 20.0 + 0.01


def test_sun_of_two_pools_shares_the_citys_export_rating() -> None:
    sunny = Street(above(export_kw=30.0), (storing(-40.0, 0.2), storing(-30.0, 0.2))).ticks(60)
    assert min(sunny.nets[30:]) >= -30.0 - 0.01


def test_a_limit_on_the_city_holds_and_never_lapses_to_unlimited() -> None:
    street = Street(above(), (charging(3, 5.0), charging(3, 5.0))).ticks(30)
    now_s = street.runs[POOLS[0]].plant.now_s
    street.proposals = (
        Proposal(
            id="dso-1", scope=CITY, owner="grid", rank=Rank.GRID_OPERATOR, hi_kw=60.0,
            reason="feeder works", valid_until_s=now_s + 30, ending=Ending.FAILSAFE,
            failsafe_hi_kw=40.0,
        ),
    )  # fmt: skip
    street.ticks(25)
    assert street.nets[-1] <= 60.0 + 0.01
    street.proposals = ()
    street.ticks(60)
    assert street.nets[-1] <= 40.0 + 0.01
    assert "GRID_FAILSAFE" in {alarm.code for alarm in street.alarms}


def test_what_no_pool_can_hold_is_said() -> None:
    street = Street(above(import_kw=20.0), (storing(30.0, 0.0), storing(30.0, 0.0))).ticks(5)
    (alarm,) = street.alarms
    assert (alarm.code, alarm.subject) == ("SHORTFALL", "node:city")


KW = st.floats(-200, 200).map(lambda kw: kw + 0.0)  # no negative zero: it would be above zero


@st.composite
def requests(draw: st.DrawFn) -> Request:
    least, most = sorted((draw(KW) + 0.0, draw(KW) + 0.0))  # no range begins at 0 and ends at -0
    inside = st.floats(least, most)
    worst = sorted((draw(inside), draw(inside)))
    return Request(
        least_kw=least, base_kw=draw(inside), want_kw=draw(inside), most_kw=most,
        worst_lo_kw=worst[0], worst_hi_kw=worst[1],
    )  # fmt: skip


@given(st.lists(requests(), min_size=1, max_size=6), KW, KW, st.sampled_from(Sharing))
def test_bands_together_keep_the_nodes_band(
    asked: list[Request], one: float, other: float, rule: Sharing
) -> None:
    lo, hi = sorted((one, other))
    bands = share((lo, hi), asked, rule)
    least = sum(r.least_kw for r in asked)
    assert all(low <= high for low, high in bands)
    assert sum(high for _, high in bands) <= max(hi, least) + 1e-6


@given(st.lists(requests(), min_size=1, max_size=6), KW, st.sampled_from(Sharing))
def test_exports_together_keep_the_nodes_limit(
    asked: list[Request], lo: float, rule: Sharing
) -> None:
    bands = share((lo, math.inf), asked, rule)
    assert sum(low for low, _ in bands) >= min(lo, sum(r.most_kw for r in asked)) - 1e-6


@given(st.lists(requests(), min_size=1, max_size=6), KW, st.sampled_from(Sharing))
def test_no_rise_uses_room_that_another_has_not_yet_left(
    asked: list[Request], hi: float, rule: Sharing
) -> None:
    bands = share((-math.inf, hi), asked, rule)
    now = sum(r.worst_hi_kw for r in asked)
    worst = sum(max(r.worst_hi_kw, high) for r, (_, high) in zip(asked, bands, strict=True))
    assert worst <= max(hi, now, sum(r.least_kw for r in asked)) + 1e-6


@given(st.lists(requests(), min_size=1, max_size=6), st.sampled_from(Sharing))
def test_where_nothing_binds_everybody_has_what_it_asked(
    asked: list[Request], rule: Sharing
) -> None:
    total = sum(r.want_kw for r in asked)
    still = [
        Request(
            least_kw=r.least_kw, base_kw=r.base_kw, want_kw=r.want_kw, most_kw=r.most_kw,
            worst_lo_kw=r.want_kw, worst_hi_kw=r.want_kw,
        )
        for r in asked
    ]  # fmt: skip
    bands = share((total - 10, total + 10), still, rule)
    for request, (low, high) in zip(still, bands, strict=True):
        assert low - 1e-6 <= request.want_kw <= high + 1e-6
