"""What assets, links and devices of a city file must say of one another."""

from collections.abc import Collection, Mapping

from vpp.config.conversion_entries import ConverterEntry, HydrogenStoreEntry, ThermalStoreEntry
from vpp.config.draft import Draft
from vpp.config.entries import (
    AssetEntry,
    BatteryEntry,
    CarriedEntry,
    DeviceEntry,
    EvChargerEntry,
    LinkEntry,
    LoadEntry,
    MeterEntry,
    PvEntry,
)
from vpp.config.findings import Findings, instead
from vpp.config.reads import check_reads
from vpp.domain.devices import SafeState
from vpp.domain.text import Path
from vpp.ports import plugins


def check_equipment(draft: Draft, findings: Findings, base_port: int) -> None:
    """Check assets, links, devices and what they carry."""
    for path, asset in draft.each("assets", AssetEntry):
        if asset.site not in draft.ids["sites"]:
            findings.unknown((*path, "site"), "site", asset.site, draft.ids["sites"])
    _check_addresses(draft, findings, base_port)
    installed = plugins.names(plugins.ADAPTERS)
    for path, link in draft.each("links", LinkEntry):
        if _is_misspelt(link, draft, installed):
            problem = f"no adapter {link.adapter!r} is installed"
            findings.add((*path, "adapter"), problem, instead(link.adapter, installed))
    for path, device in draft.each("devices", DeviceEntry):
        _check_link(path, device, draft, findings)
        for index, carried in enumerate(device.carries):
            _check_carried((*path, "carries", index), device, carried, draft, findings)
    _check_writers(draft, findings)
    check_reads(draft, findings)


def _is_misspelt(link: LinkEntry, draft: Draft, installed: Collection[str]) -> bool:
    """Whether its adapter is not installed, and the adapters of its devices are."""
    used = {one.adapter for _, one in draft.each("devices", DeviceEntry) if one.link == link.id}
    return link.adapter not in installed and bool(used) and used.issubset(installed)


def _check_addresses(draft: Draft, findings: Findings, base_port: int) -> None:
    taken: dict[tuple[str, int], str] = {}
    for path, link in draft.each("links", LinkEntry):
        if link.port is not None and link.port_offset is not None:
            findings.add((*path, "port_offset"), "stands beside 'port'", "one of the two")
            continue
        port = port_of(link, base_port)
        if port > 65535:
            problem = f"port {base_port} + {link.port_offset} is above 65535"
            findings.add((*path, "port_offset"), problem, "a lower base port or offset")
        rival = taken.setdefault((link.host, port), link.id) if port else link.id
        if rival != link.id:
            problem = f"{link.host}:{port} is already the address of the link {rival!r}"
            findings.add(path, problem, "one link per address; several devices may share it")


def port_of(link: LinkEntry, base_port: int) -> int:
    """The link's port; 0, the adapter's usual one, where the file states none."""
    return link.port or (0 if link.port_offset is None else base_port + link.port_offset)


def _check_link(path: Path, device: DeviceEntry, draft: Draft, findings: Findings) -> None:
    if device.link not in draft.ids["links"]:
        findings.unknown((*path, "link"), "link", device.link, draft.ids["links"])
    link = draft.named("links", LinkEntry, device.link)
    if link is None or _is_misspelt(link, draft, plugins.names(plugins.ADAPTERS)):
        return
    if link.adapter != device.adapter:
        findings.add(
            (*path, "adapter"),
            f"is {device.adapter!r}, but its link {link.id!r} is of adapter {link.adapter!r}",
            f"{link.adapter!r}, or a link of adapter {device.adapter!r}",
        )


def _check_carried(
    path: Path, device: DeviceEntry, carried: CarriedEntry, draft: Draft, findings: Findings
) -> None:
    if (carried.asset is None) == (carried.meter is None):
        findings.add(path, "names neither or both of 'asset' and 'meter'", "exactly one of them")
        return
    if carried.meter is not None:
        if carried.meter not in draft.ids["meters"]:
            findings.unknown((*path, "meter"), "meter", carried.meter, draft.ids["meters"])
        if carried.writes:
            findings.add((*path, "writes"), "a meter cannot be written", "leave it out")
    elif carried.asset not in draft.ids["assets"]:
        findings.unknown((*path, "asset"), "asset", carried.asset or "", draft.ids["assets"])
    elif carried.writes:
        _check_written(path, device, draft.named("assets", AssetEntry, _subject(carried)), findings)
    if sum(_subject(other) == _subject(carried) for other in device.carries) > 1:
        problem = f"{_subject(carried)!r} stands more than once on the device {device.id!r}"
        findings.add(path, problem, "one entry for each asset or meter")


def _check_written(
    path: Path, device: DeviceEntry, asset: AssetEntry | None, findings: Findings
) -> None:
    if isinstance(asset, LoadEntry):
        findings.add((*path, "writes"), f"the load {asset.id!r} cannot be written", "leave it out")
    elif isinstance(asset, HydrogenStoreEntry | ThermalStoreEntry):
        problem = f"the store {asset.id!r} cannot be written"
        findings.add((*path, "writes"), problem, "leave it out, and write what fills it")
    elif isinstance(asset, PvEntry) and not asset.curtailable:
        problem = f"the PV {asset.id!r} is written, but not curtailable"
        findings.add(
            (*path, "writes"), problem, "'curtailable: true' on the asset, or leave it out"
        )
    elif isinstance(asset, BatteryEntry | ConverterEntry) and device.safe is SafeState.FLOOR:
        what = "battery" if isinstance(asset, BatteryEntry) else "converter"
        problem = f"safe is floor, but the device {device.id!r} writes the {what} {asset.id!r}"
        findings.add(path, problem, "autonomous or zero; floor is for chargers")


def _subject(carried: CarriedEntry) -> str:
    return carried.asset or carried.meter or ""


def _check_writers(draft: Draft, findings: Findings) -> None:
    writers: dict[str, str] = {}
    carried_ids: set[str] = set()
    for path, device in draft.each("devices", DeviceEntry):
        for index, carried in enumerate(device.carries):
            carried_ids.add(_subject(carried))
            if not carried.writes or carried.asset is None:
                continue
            first = writers.setdefault(carried.asset, device.id)
            if first != device.id:
                findings.add(
                    (*path, "carries", index, "writes"),
                    f"{carried.asset!r} is written by two devices: {first!r} and {device.id!r}",
                    "one writer for each asset; the other may read it",
                )
    if _all_read(draft):
        _check_unwritten(draft, findings, writers)
        for path, meter in draft.each("meters", MeterEntry):
            if meter.id not in carried_ids:
                findings.add(
                    path,
                    f"no device carries the meter {meter.id!r}",
                    f"'carries: [{{meter: {meter.id}}}]' on a device",
                )


def _all_read(draft: Draft) -> bool:
    """Whether every device has the right shape: else a writer may only be unreadable."""
    return len(draft.entries["devices"]) >= len(draft.ids["devices"])


def _check_unwritten(draft: Draft, findings: Findings, writers: Mapping[str, str]) -> None:
    for path, asset in draft.each("assets", AssetEntry):
        controlled = isinstance(asset, BatteryEntry | EvChargerEntry) or (
            isinstance(asset, PvEntry) and asset.curtailable
        )
        if controlled and asset.id not in writers:
            what = {BatteryEntry: "battery", PvEntry: "curtailable PV"}.get(type(asset), "charger")
            findings.add(
                path,
                f"no device writes the {what} {asset.id!r}",
                f"'carries: [{{asset: {asset.id}, writes: true}}]' on a device",
            )
