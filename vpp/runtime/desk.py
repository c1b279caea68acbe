"""What a running daemon answers to other programs on its host, beside what sources are told."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from vpp.config.findings import instead
from vpp.control.authority import AuthorityBook
from vpp.domain.devices import Authority
from vpp.domain.errors import InvariantError
from vpp.domain.ids import DeviceId
from vpp.domain.plain_words import stated
from vpp.domain.portfolio import Portfolio
from vpp.runtime.command_socket import CommandSocket
from vpp.runtime.device_list import listed
from vpp.runtime.view import View


class Desk:
    """Commands about the whole portfolio."""

    def __init__(
        self, portfolio: Portfolio, authority: AuthorityBook, newest: Callable[[], View | None]
    ) -> None:
        """``newest``: the view of the newest tick."""
        self._portfolio, self._authority, self._newest = portfolio, authority, newest

    def open(self, commands: CommandSocket) -> None:
        """Answer there from now on."""
        commands.answer("set-authority", self.set_authority)
        commands.answer("status", self.status)
        commands.answer("devices", self.devices)

    async def set_authority(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """The command ``set-authority``: ``device``, ``authority``, ``who``, ``why``."""
        device = DeviceId(asked["device"])
        if device not in self._portfolio.devices:
            remedy = instead(device, self._portfolio.devices)
            raise InvariantError(f"no device is called {device!r}; {remedy}")
        steered = self._portfolio.devices[device].written_assets
        who, why = stated(asked.get("who"), "who"), stated(asked.get("why"), "reason")
        authority = Authority(asked["authority"])
        if authority is Authority.LOCAL:
            raise InvariantError("only the device itself says that it is under local control")
        if (authority.writable or authority is Authority.SHADOW) and not steered:
            raise InvariantError(
                f"{device} carries nothing that is written: {Authority.OBSERVE} is all there is to"
                f" it, or {Authority.OUT_OF_SERVICE}"
            )
        self._authority.set(device, authority, who=who, why=why)
        return {"unkept": await self._authority.kept()}

    async def devices(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """The command ``devices``: one row of plain data each."""
        return {"devices": listed(self._portfolio, self._view().snapshot, self._authority)}

    async def status(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """The command ``status``: the newest view as plain data."""
        found: Mapping[str, Any] = msgspec.to_builtins(self._view().fields())
        return found

    def _view(self) -> View:
        view = self._newest()
        if view is None:
            raise InvariantError("no tick has completed yet")
        return view
