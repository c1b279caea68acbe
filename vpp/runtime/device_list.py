"""Every device in one row: what may be done to it, by whose word, and how it is reached."""

from collections.abc import Mapping, Sequence
from typing import Any

from vpp.control.authority import AuthorityBook
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
                "when": entry.when.isoformat() if entry.when else "",
                "why": entry.why,
                "link": "online" if state.online else state.trouble or "offline",
                "firmware": entry.identity.version if entry.identity else "",
                "profile": device.profile,
            }
        )
    return rows
