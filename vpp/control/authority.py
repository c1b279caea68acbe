"""What may be done to each device: remembered, and taken back when the device is another one."""

import asyncio
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import structlog

from vpp.control.authority_file import Entry, read, write
from vpp.control.dispatch import DAEMON
from vpp.control.pace import Pace
from vpp.control.supervision import Health, Supervisor
from vpp.domain.audit import AuditRecord, Event
from vpp.domain.devices import Authority, Device, Identity
from vpp.domain.errors import StoreUnavailable
from vpp.domain.ids import DeviceId
from vpp.ports.store import Audit

_log = structlog.get_logger(__name__)

FILE = "authority.json"
_NOTHING = Entry()


class AuthorityBook:
    """Every change holds at once and is on disk soon after; leaving waits for the disk."""

    def __init__(
        self,
        state_dir: Path,
        devices: Mapping[DeviceId, Device],
        *,
        audit: Audit,
        pace: Pace,
        digests: Mapping[DeviceId, str] = MappingProxyType({}),
        observe: bool = False,
    ) -> None:
        """``digests`` of the devices' profiles; ``observe``: the whole daemon only looks."""
        self._path, self._devices = state_dir / FILE, devices
        self._audit, self._pace, self._observe = audit, pace, observe
        self._digests = digests
        self._entries: dict[DeviceId, Entry] = {}
        self._changed, self._writing = asyncio.Event(), asyncio.Lock()
        self._tasks = Supervisor(pace.wire, draw=pace.draw)

    async def __aenter__(self) -> Self:
        """Read the file.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        self._entries = dict(await asyncio.to_thread(read, self._path))
        for device in self._devices.values():
            self._check_profile(device)
        self._tasks.watch("authority file", self._keep)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)
        why = await self.kept()
        if why:
            _log.error("the next daemon will not know of every authority", why=why)

    def of(self, device: DeviceId) -> Authority:
        """What holds now, but for a device that says itself that it is under local control."""
        configured = self._devices[device].authority
        remembered = self.entry(device).authority
        if configured is Authority.OUT_OF_SERVICE:
            return configured
        found = configured if remembered is None else remembered
        if self._observe and (found.writable or found is Authority.SHADOW):
            return Authority.OBSERVE
        return found

    def entry(self, device: DeviceId) -> Entry:
        """What is remembered of it."""
        return self._entries.get(device, _NOTHING)

    def set(self, device: DeviceId, authority: Authority, *, who: str, why: str) -> None:
        """From now on this authority, on record with who and why."""
        now = self._pace.city.now()
        entry = replace(self.entry(device), authority=authority, who=who, when=now, why=why)
        self._store(device, entry)
        self._audit.note(
            AuditRecord(
                event=Event.AUTHORITY, at=now, subject=device, who=who, why=why, outcome=authority
            )
        )

    def seen(self, device: DeviceId, identity: Identity) -> None:
        """Who answered. Another maker, model, serial or firmware than before: only observe it."""
        before = self.entry(device).identity
        if before == identity:
            return
        self._store(device, replace(self._with_profile(device), identity=identity))
        changes = _changes(before, identity)
        if changes:
            self._observe_only(device, changes)

    def _check_profile(self, device: Device) -> None:
        before, now = self.entry(device.id), self._with_profile(device.id)
        if not before.profile or before == now:
            return
        self._store(device.id, now)
        if before.profile != now.profile:
            self._observe_only(device.id, f"profile changed from {before.profile} to {now.profile}")
        elif before.digest:
            self._observe_only(device.id, f"profile {now.profile} was changed under its name")

    def _with_profile(self, device: DeviceId) -> Entry:
        """What is remembered of it, with the profile that it has now."""
        entry = self.entry(device)
        digest = self._digests.get(device, "") or entry.digest
        return replace(entry, profile=self._devices[device].profile, digest=digest)

    def _observe_only(self, device: DeviceId, why: str) -> None:
        if self.of(device) is not Authority.OUT_OF_SERVICE:
            self.set(device, Authority.OBSERVE, who=DAEMON, why=why)

    def _store(self, device: DeviceId, entry: Entry) -> None:
        self._entries[device] = entry
        self._changed.set()

    async def kept(self) -> str:
        """Put on disk what has changed; why it could not be, else nothing."""
        async with self._writing:
            if not self._changed.is_set():
                return ""
            self._changed.clear()
            try:
                await asyncio.to_thread(write, self._path, dict(self._entries))
            except BaseException as fault:
                self._changed.set()
                if isinstance(fault, OSError):
                    return f"{self._path}: {fault}"
                raise
        return ""

    async def _keep(self, health: Health) -> None:
        while True:
            await self._changed.wait()
            why = await self.kept()
            if why:
                raise StoreUnavailable(why)
            health.good()


def _changes(before: Identity | None, now: Identity) -> str:
    """What is another than before, in words; empty if nothing is, or nothing was known."""
    if before is None:
        return ""
    return ", ".join(
        f"{field.name} changed from {old or 'none'} to {new or 'none'}"
        for field in fields(Identity)
        if (old := getattr(before, field.name)) != (new := getattr(now, field.name))
    )
