"""What is right in a city file, and will still surprise whoever runs it."""

from collections.abc import Iterator, Mapping
from datetime import date

from vpp.config.city import City
from vpp.domain.assets import Battery, EvCharger
from vpp.domain.devices import Device
from vpp.domain.errors import Mistake
from vpp.domain.ids import DeviceId, NodeId
from vpp.domain.network import Unit
from vpp.domain.points import Point, Quantity
from vpp.domain.portfolio import Portfolio

Measured = Mapping[DeviceId, frozenset[Point]]
CURRENTS = (Quantity.CURRENT_L1_A, Quantity.CURRENT_L2_A, Quantity.CURRENT_L3_A)
_NOBODY: Measured = {}


def advice(
    city: City, measured: Measured = _NOBODY, *, today: date | None = None
) -> tuple[Mistake, ...]:
    """Everything to look at, each with what to do about it; none of it is a mistake of the file.

    Args:
        city: The city.
        today: The city's local day, for what is dated.
        measured: What devices measure by their profiles, or were found to; any other counts by its
            entry.
    """
    return (*_of_dates(city, today), *_of_nodes(city, measured))


def _of_dates(city: City, today: date | None) -> Iterator[Mistake]:
    """Tariffs in use that have no prices today."""
    for node in city.portfolio.nodes.values():
        if node.tariff is None or today is None:
            continue
        tariff = city.portfolio.tariffs[node.tariff]
        if not tariff.covers(today):
            yield city.mistake(
                city.path("tariffs", tariff.id),
                f"there are no prices for today, {today}: {node.id!r} gets no plan",
                "a period of 'periods' that is valid today",
            )


def _of_nodes(city: City, measured: Measured) -> tuple[Mistake, ...]:
    return tuple(
        city.mistake(f"{_path(city, node)}.a_per_phase", *found)
        for node in city.portfolio.nodes
        if (found := _of_currents(city.portfolio, node, measured)) is not None
    )


def _path(city: City, node: NodeId) -> str:
    return city.path("sites" if node in city.positions["sites"] else "nodes", node)


def _of_currents(portfolio: Portfolio, node: NodeId, measured: Measured) -> tuple[str, str] | None:
    """Why amperes stated here are not held as they should be, and the remedy."""
    stated = any(limit.unit is Unit.A_PER_PHASE for limit in portfolio.nodes[node].limits)
    if not stated or not _steered(portfolio, node):
        return None
    if not any(node in portfolio.subtree(pool.node) for pool in portfolio.pools.values()):
        return (
            f"{node!r} lies above the pools, where amperes are proved and not held while running",
            "state 'rating_kw' or 'rating_kva' too",
        )
    meters = portfolio.meters_of_node[node]
    told = {point for device in portfolio.devices.values() for point in _points(device, measured)}
    if any(all(Point(subject=m, quantity=one) in told for one in CURRENTS) for m in meters):
        return None
    whose = f"no meter of {node!r} tells" if meters else f"{node!r} has no meter that tells"
    return (
        f"{whose} the currents: batteries and cars beneath may only take and give less",
        f"a meter of {node!r} that reads {', '.join(CURRENTS)}, or no 'a_per_phase'",
    )


def _steered(portfolio: Portfolio, node: NodeId) -> bool:
    beneath = set(portfolio.subtree(node))
    return any(
        portfolio.sites[asset.site].node in beneath
        for name in portfolio.writer_of
        if isinstance(asset := portfolio.assets[name], Battery | EvCharger)
    )


def _points(device: Device, measured: Measured) -> Iterator[Point]:
    if device.id in measured:
        yield from measured[device.id]
        return
    for carried in device.carries:
        for quantity in carried.reads:
            yield Point(subject=carried.subject, quantity=quantity)
