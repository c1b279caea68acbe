"""What a running daemon holds, and nobody else may dial now."""

from collections.abc import Mapping

from vpp.domain.errors import VppError
from vpp.domain.ids import DeviceId
from vpp.domain.portfolio import Portfolio
from vpp.runtime.command_socket import ask
from vpp.runtime.device_list import places
from vpp.runtime.lease import holder
from vpp.runtime.state_home import place


async def held(portfolio: Portfolio) -> Mapping[DeviceId, str]:
    """Devices of a city file that the daemon of its portfolio has, each with what to know of it.

    Also those that share a link or an address with one of them: many a device takes few clients,
    and a broker takes an id once. A daemon that does not say what it has, has all of them.
    """
    directory = place(portfolio.id)
    who = holder(directory)
    if who is None:
        return {}
    try:
        rows = (await ask(directory, {"verb": "devices"}))["devices"]
    except VppError as fault:
        return dict.fromkeys(portfolio.devices, f"held by {who}, which does not answer: {fault}")
    heard = {row["device"]: row["link"] for row in rows}
    taken = {one for row in rows for one in row["at"]}
    found: dict[DeviceId, str] = {}
    for device in portfolio.devices.values():
        if device.id in heard:
            found[device.id] = f"held by {who}, which hears it: {heard[device.id]}"
        elif taken & set(places(portfolio.links[device.link])):
            found[device.id] = f"on a link that is held by {who}"
    return found
