"""What nodes, sites and meters of a city file must say of one another."""

from collections.abc import Mapping

from vpp.config.draft import Draft
from vpp.config.entries import BothWays, ConnectionEntry, MeterEntry, NodeEntry, SiteEntry
from vpp.config.findings import Findings
from vpp.domain.network import MeterRole, Sharing
from vpp.domain.text import Path

Connections = Mapping[str, tuple[Path, ConnectionEntry]]
"""Every node and every site's own connection, by id."""


def check_network(draft: Draft, findings: Findings) -> None:
    """Check tree, pools, limits and meters."""
    connections = {
        entry.id: (path, entry)
        for section in ("nodes", "sites")
        for path, entry in draft.each(section, ConnectionEntry)
    }
    for path, entry in connections.values():
        _check_parent(path, entry, draft, findings)
        _check_limits(path, entry, findings)
        _check_settling(path, entry, draft, findings)
    if not _check_cycles(connections, findings):
        _check_pools(connections, draft, findings)
    _check_meters(draft, findings)


def _check_parent(path: Path, entry: ConnectionEntry, draft: Draft, findings: Findings) -> None:
    if entry.parent is None or entry.parent in draft.ids["nodes"]:
        return
    if entry.parent in draft.ids["sites"]:
        problem = f"{entry.parent!r} is a site; a site's connection is a leaf of the grid"
        findings.add((*path, "parent"), problem, "the id of a node")
    else:
        findings.unknown((*path, "parent"), "node", entry.parent, draft.ids["nodes"])


def _check_limits(path: Path, entry: ConnectionEntry, findings: Findings) -> None:
    kva = entry.rated_kva
    for unit, contracts, ratings in (
        ("kW", entry.contract_kw, entry.rating_kw),
        ("kVA", entry.contract_kva, kva),
    ):
        for (way, contract), (_, rating) in zip(contracts.ways, ratings.ways, strict=True):
            if contract is not None and rating is not None and contract > rating:
                findings.add(
                    (*path, f"contract_{unit.lower()}", way),
                    f"the contract of {contract:g} {unit} is above the rating of {rating:g} {unit}",
                    "a contract is the soft limit within the rating",
                )
    _check_apparent(path, "rating_kw", entry.rating_kw, "rating_kva", kva, findings)
    _check_apparent(path, "contract_kw", entry.contract_kw, "rating_kva", kva, findings)
    _check_apparent(
        path, "contract_kw", entry.contract_kw, "contract_kva", entry.contract_kva, findings
    )
    if entry.power_factor is not None and kva == entry.contract_kva == BothWays():
        findings.add(
            (*path, "power_factor"),
            f"{entry.id!r} has a power_factor, but neither rating nor contract in kVA",
            "it says how much of 'rating_kva' and 'contract_kva' counts as kW",
        )


def _check_apparent(
    path: Path, key: str, powers: BothWays, kva_key: str, kva: BothWays, findings: Findings
) -> None:
    """A power in kW is never above the apparent power in kVA that carries it."""
    for (way, power), (_, apparent) in zip(powers.ways, kva.ways, strict=True):
        if power is not None and apparent is not None and power > apparent:
            findings.add(
                (*path, key, way),
                f"{power:g} kW are more than the {apparent:g} kVA of {kva_key!r}",
                f"at most {kva_key!r}, or leave it out: the tighter one holds",
            )


def _check_settling(path: Path, entry: ConnectionEntry, draft: Draft, findings: Findings) -> None:
    if entry.tariff is not None and entry.tariff not in draft.ids["tariffs"]:
        findings.unknown((*path, "tariff"), "tariff", entry.tariff, draft.ids["tariffs"])
    for key in ("tariff", "fee_per_kwh"):
        if getattr(entry, key) and not entry.settles:
            problem = f"{entry.id!r} has a {key}, but energy is not settled here"
            findings.add(
                (*path, key), problem, "add 'settles: true', or move it to the node that settles"
            )


def _ancestors(start: str, connections: Connections) -> list[str]:
    """The node and those above it; ends before a node that comes again."""
    chain: list[str] = []
    step: str | None = start
    while step is not None and step in connections and step not in chain:
        chain.append(step)
        step = connections[step][1].parent
    return chain


def _check_cycles(connections: Connections, findings: Findings) -> bool:
    """Whether any node is its own ancestor; each is reported."""
    found = False
    for name, (path, entry) in connections.items():
        if entry.parent is not None and name in _ancestors(entry.parent, connections):
            findings.add((*path, "parent"), f"{name!r} lies beneath itself", "the node above it")
            found = True
    return found


def _check_pools(connections: Connections, draft: Draft, findings: Findings) -> None:
    populated: set[str] = set()
    for name, (path, entry) in connections.items():
        chain = _ancestors(name, connections)
        settling = [node for node in chain if connections[node][1].settles]
        if len(settling) > 1 and settling[0] == name:
            findings.add(
                (*path, "settles"),
                f"the pool {name!r} lies within the pool {settling[1]!r}",
                "pools do not nest: let only one of them settle",
            )
        if isinstance(entry, SiteEntry):
            populated.update(settling)
            if not settling and _is_whole(chain, connections):
                problem = f"the site {name!r} is in no pool"
                findings.add(path, problem, "put 'settles: true' on it or on a node above it")
    for path, node in draft.each("nodes", NodeEntry):
        if node.sharing is not Sharing.PRO_RATA and any(
            connections[above][1].settles for above in _ancestors(node.id, connections)
        ):
            problem = f"{node.id!r} is in a pool, whose storages share by the hours that are left"
            findings.add((*path, "sharing"), problem, "'sharing' on a node above the pools")
        if draft.ids["sites"] and node.settles and node.id not in populated:
            findings.add(
                (*path, "settles"), f"no site lies beneath {node.id!r}", "leave 'settles' out"
            )


def _is_whole(chain: list[str], connections: Connections) -> bool:
    """Whether the chain ends at a root, and not at a node that could not be read."""
    return connections[chain[-1]][1].parent is None


def _check_meters(draft: Draft, findings: Findings) -> None:
    primary: dict[tuple[str, int], str] = {}
    best: dict[str, tuple[Path, int]] = {}
    for path, meter in draft.each("meters", MeterEntry):
        if (meter.node is None) == (not meter.assets):
            findings.add(
                path,
                f"the meter {meter.id!r} must measure either a node or assets",
                "exactly one of 'node', 'assets'",
            )
        for index, asset in enumerate(meter.assets):
            if asset not in draft.ids["assets"]:
                findings.unknown((*path, "assets", index), "asset", asset, draft.ids["assets"])
        _check_role(path, meter, draft, findings)
        if meter.node is None:
            continue
        rival = primary.setdefault((meter.node, meter.rank), meter.id)
        if rival != meter.id:
            which = "two primary meters" if meter.rank == 0 else f"two meters of rank {meter.rank}"
            findings.add(
                (*path, "rank") if meter.rank else path,
                f"{meter.node!r} has {which}: {rival!r} and {meter.id!r}",
                "rank 0 for the primary meter, 1 for the first substitute, and so on",
            )
        if meter.node not in best or meter.rank < best[meter.node][1]:
            best[meter.node] = (path, meter.rank)
    for node, (path, rank) in best.items():
        if rank > 0:
            findings.add(
                (*path, "rank"), f"{node!r} has no primary meter", "rank 0 for one of its meters"
            )


def _check_role(path: Path, meter: MeterEntry, draft: Draft, findings: Findings) -> None:
    known = {**draft.ids["nodes"], **draft.ids["sites"]}
    if meter.role is MeterRole.SITE and not draft.ids["sites"]:
        return
    if meter.node is None:
        if meter.assets and meter.role is not MeterRole.SUB:
            findings.add(
                (*path, "role"), f"is {meter.role!s}, but the meter measures assets", "sub"
            )
        return
    if meter.node not in known:
        alike = draft.ids["sites"] if meter.role is MeterRole.SITE else draft.ids["nodes"]
        findings.unknown((*path, "node"), "node", meter.node, known if alike else {})
        return
    node = draft.named("nodes", ConnectionEntry, meter.node) or draft.named(
        "sites", ConnectionEntry, meter.node
    )
    if node is None:
        return
    if meter.role is MeterRole.BOUNDARY and not node.settles:
        findings.add(
            (*path, "role"), f"is boundary, but {node.id!r} does not settle", "feeder or site"
        )
    elif meter.role is MeterRole.SITE and isinstance(node, NodeEntry):
        findings.add(
            (*path, "role"), f"is site, but {node.id!r} is an inner node", "feeder or boundary"
        )
    elif meter.role is MeterRole.FEEDER and isinstance(node, SiteEntry):
        findings.add((*path, "role"), f"is feeder, but {node.id!r} is a site", "site")
    elif meter.role is MeterRole.SUB:
        findings.add(
            (*path, "role"),
            f"is sub, but the meter measures {node.id!r}",
            "'assets' instead of 'node'",
        )
