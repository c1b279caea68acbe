"""Mistakes between nodes, sites and meters."""

import pytest

from tests.vpp.config.spoiling import Case, check, name_of
from tests.vpp.control.planning.cities import TWO_SITES
from vpp.config.city import read_city
from vpp.domain.ids import NodeId
from vpp.domain.network import Sharing

HUB = "  - id: hub\n    parent: north\n"

NETWORK: list[Case] = [
    (
        "    parent: city\n",
        "    parent: town\n",
        "parent: town",
        "nodes[1].parent",
        "node 'town' is unknown",
        "one of city, north",
    ),
    (
        "    parent: city\n",
        "    parent: hub\n",
        "parent: hub",
        "nodes[1].parent",
        "'hub' is a site",
        "the id of a node",
    ),
    (
        "    parent: city\n",
        "    parent: north\n",
        "parent: north",
        "nodes[1].parent",
        "'north' lies beneath itself",
        "the node above",
    ),
    (
        HUB,
        "  - id: hub\n    parent: city\n",
        "id: hub",
        "sites[1]",
        "the site 'hub' is in no pool",
        "'settles: true'",
    ),
    (
        HUB,
        HUB + "    settles: true\n",
        "settles: true",
        "sites[1].settles",
        "the pool 'hub' lies within the pool 'north'",
        "pools do not nest",
    ),
    (
        "    rating_kw: {import: 400, export: 400}\n",
        "    settles: true\n    rating_kw: {import: 400, export: 400}\n",
        "settles: true",
        "nodes[1].settles",
        "the pool 'north' lies within the pool 'city'",
        "do not nest",
    ),
    (
        "contract_kw: {import: 90}",
        "contract_kw: {import: 90}\n    sharing: in_order",
        "sharing",
        "nodes[1].sharing",
        "'north' is in a pool",
        "on a node above the pools",
    ),
    (
        "contract_kw: {import: 90}",
        "contract_kw: {import: 120}",
        "contract_kw",
        "nodes[1].contract_kw.import",
        "120 kW is above the rating of 100 kW",
        "soft limit",
    ),
    (
        "rating_kw: {import: 80, export: 80}",
        "rating_kw: {export: 80}\n    rating_kva: 75",
        "rating_kw: {export: 80}",
        "sites[0].rating_kw.export",
        "80 kW are more than the 75 kVA",
        "the tighter one holds",
    ),
    (
        "contract_kw: {import: 90}",
        "contract_kw: {import: 90}\n    rating_kva: 85",
        "contract_kw",
        "nodes[1].contract_kw.import",
        "90 kW are more than the 85 kVA",
        "at most 'rating_kva'",
    ),
    (
        HUB,
        HUB + "    power_factor: 0.9\n",
        "power_factor",
        "sites[1].power_factor",
        "neither rating nor contract in kVA",
        "'rating_kva'",
    ),
    (
        HUB,
        HUB + "    rating_kva: 20\n    contract_kva: {import: 18, export: 21}\n",
        "contract_kva",
        "sites[1].contract_kva.export",
        "the contract of 21 kVA is above the rating of 20 kVA",
        "soft limit",
    ),
    (
        "contract_kw: {import: 90}",
        "contract_kw: {import: 90}\n    contract_kva: {import: 89}",
        "contract_kw: {import: 90}",
        "nodes[1].contract_kw.import",
        "90 kW are more than the 89 kVA of 'contract_kva'",
        "the tighter one holds",
    ),
    (
        HUB,
        HUB + "    contract_kva: 20\n",
        "contract_kva",
        "sites[1].contract_kva",
        "is 20",
        "a mapping of keys to values",
    ),
    (
        HUB,
        HUB + "    rating_kva: 20\n    power_factor: 1.1\n",
        "power_factor",
        "sites[1].power_factor",
        "is 1.1, expected",
        "",
    ),
    (
        HUB,
        HUB + "    rating_kva: 0\n",
        "rating_kva",
        "sites[1].rating_kva",
        "is 0, expected more than 0",
        "",
    ),
    (
        "rating_kw: {import: 80, export: 80}",
        "rating_kw: {import: 0}",
        "rating_kw: {import: 0}",
        "sites[0].rating_kw.import",
        "is 0, expected more than 0",
        "",
    ),
    (
        "tariff: general\n",
        "tariff: generl\n",
        "tariff: generl",
        "nodes[1].tariff",
        "tariff 'generl' is unknown",
        "did you mean 'general'?",
    ),
    (
        HUB,
        HUB + "    tariff: general\n",
        "tariff: general",
        "sites[1].tariff",
        "not settled here",
        "'settles: true'",
    ),
    (
        "nodes:\n",
        "nodes:\n  - {id: empty, settles: true}\n",
        "id: empty",
        "nodes[0].settles",
        "no site lies beneath 'empty'",
        "leave",
    ),
    (
        "  - id: hub\n",
        "  - id: block\n",
        "  - id: block",
        "sites[1].id",
        "the id 'block' is taken: sites[0], line 19",
        "an id of its own",
    ),
    (
        "  - id: block-meter\n",
        "  - id: block-pv\n",
        "id: block-pv",
        "meters[0].id",
        "is taken: assets[1]",
        "share one set of ids",
    ),
    (
        "    node: block\n",
        "    node: blok\n",
        "node: blok",
        "meters[0].node",
        "node 'blok' is unknown",
        "did you mean 'block'?",
    ),
    (
        "    node: block\n",
        "    node: north\n",
        "id: north-meter",
        "meters[1]",
        "'north' has two primary meters: 'block-meter' and 'north-meter'",
        "rank 0",
    ),
    (
        "    node: block\n",
        "    node: block\n    rank: 1\n",
        "rank: 1",
        "meters[0].rank",
        "'block' has no primary meter",
        "rank 0",
    ),
    (
        "    node: block\n",
        "    node: block\n    assets: [block-pv]\n",
        "id: block-meter",
        "meters[0]",
        "either a node or assets",
        "exactly one",
    ),
    (
        "    role: site\n    node: block\n",
        "    role: sub\n    assets: [block-vp]\n",
        "assets: [block-vp]",
        "meters[0].assets[0]",
        "asset 'block-vp' is unknown",
        "did you mean 'block-pv'?",
    ),
    (
        "    role: site\n",
        "    role: boundary\n",
        "role: boundary",
        "meters[0].role",
        "'block' does not settle",
        "site",
    ),
    (
        "    role: site\n",
        "    role: feeder\n",
        "role: feeder",
        "meters[0].role",
        "'block' is a site",
        "site",
    ),
    (
        "    role: site\n",
        "    role: sub\n",
        "role: sub",
        "meters[0].role",
        "measures 'block'",
        "'assets'",
    ),
    (
        "    node: block\n",
        "    assets: [block-pv]\n",
        "role: site",
        "meters[0].role",
        "measures assets",
        "sub",
    ),
    (
        "    role: boundary\n",
        "    role: site\n",
        "role: site",
        "meters[1].role",
        "'north' is an inner node",
        "boundary",
    ),
]


@pytest.mark.parametrize("case", NETWORK, ids=name_of)
def test_a_mistake_names_line_path_problem_and_remedy(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("said", "rule"), [("", Sharing.PRO_RATA), (", sharing: in_order", Sharing.IN_ORDER)]
)
def test_a_node_above_the_pools_says_how_it_shares(said: str, rule: Sharing) -> None:
    town = f"nodes:\n  - {{id: town{said}}}\n"
    text = TWO_SITES.replace("nodes:\n", town, 1).replace(
        "{id: street,", "{id: street, parent: town,"
    )
    assert read_city(text, "two.yaml").portfolio.nodes[NodeId("town")].sharing is rule
