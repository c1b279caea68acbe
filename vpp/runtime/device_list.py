"""Every device in one row: what may be done to it, by whose word, and how it is reached."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from vpp.control.authority import AuthorityBook
from vpp.domain.devices import Link
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import DeviceState, Snapshot


def listed(
    portfolio: Portfolio, snapshot: Snapshot, authority: AuthorityBook
) -> Sequence[Mapping[str, Any]]:
    """Plain data, in the order of the city file; who, when and why are empty where it decides."""
    rows: list[Mapping[str, Any]] = []
    for name, device in portfolio.devices.items():
        state, entry = snapshot.devices.get(name, DeviceState()), authority.entry(name)
        rows.append(
            {
                "device": name,
                "authority": state.authority,
                "who": entry.who,
                "when": _local(entry.when, portfolio.time_zone) if entry.when else "",
                "why": entry.why,
                "link": "online" if state.online else state.trouble or "offline",
                "firmware": entry.identity.version if entry.identity else "",
                "profile": device.profile,
                "at": places(portfolio.links[device.link]),
            }
        )
    return rows


def _local(at: datetime, zone: str) -> str:
    """As the city's clocks showed it, to the second."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def places(link: Link) -> tuple[str, str]:
    """What two connections must not share: a link's name, and its address."""
    return f"link {link.id}", f"{link.host}:{link.port}"
