"""Which device each quantity is read from, and in which order of preference."""

from collections.abc import Mapping

from vpp.config.draft import Draft
from vpp.config.entries import AssetEntry, CarriedEntry, DeviceEntry
from vpp.config.findings import Findings
from vpp.domain.points import Quantity

_POWER = (Quantity.POWER_KW, Quantity.ENERGY_IN_KWH, Quantity.ENERGY_OUT_KWH)
_HELD = (Quantity.SETPOINT_KW, Quantity.REVERSION_S)
_WRITTEN = (*_HELD, Quantity.UPTIME_S, Quantity.STATE)
_CURRENTS = (Quantity.CURRENT_L1_A, Quantity.CURRENT_L2_A, Quantity.CURRENT_L3_A)
_BATTERY = (
    Quantity.SOC,
    Quantity.AVAILABLE_KWH,
    Quantity.HEALTH,
    Quantity.LIMIT_CHARGE_KW,
    Quantity.LIMIT_DISCHARGE_KW,
)
_SENSIBLE: Mapping[str, tuple[Quantity, ...]] = {
    "battery": (*_POWER, *_BATTERY, *_WRITTEN, *_CURRENTS),
    "pv": (*_POWER, Quantity.AVAILABLE_KW, *_WRITTEN, *_CURRENTS),
    "load": (*_POWER, *_CURRENTS),
    "ev_charger": (*_POWER, Quantity.SOC, *_WRITTEN, *_CURRENTS),
    "electrolyser": (*_POWER, *_WRITTEN, *_CURRENTS),
    "fuel_cell": (*_POWER, *_WRITTEN, *_CURRENTS),
    "heat_pump": (*_POWER, *_WRITTEN, *_CURRENTS),
    "chp": (*_POWER, *_WRITTEN, *_CURRENTS),
    "hydrogen_store": (Quantity.SOC,),
    "thermal_store": (Quantity.SOC,),
    "meter": (*_POWER, *_CURRENTS),
}


def quantities(kind: str) -> tuple[Quantity, ...]:
    """What can sensibly be read of an asset of this kind, or of a ``meter``."""
    return _SENSIBLE[kind]


def reads_of(carried: CarriedEntry, kind: str) -> dict[Quantity, int]:
    """Rank by quantity, 0 preferred: all that is sensible where the file names none.

    What a writing device holds (setpoint, reversion timer, uptime, state) is always read from it,
    so that no write goes unseen.
    """
    if carried.reads is None:
        unwritten = () if carried.writes else _HELD
        return {quantity: 0 for quantity in quantities(kind) if quantity not in unwritten}
    named = {Quantity(name): rank for name, rank in carried.reads.items()}
    return {**dict.fromkeys(_WRITTEN if carried.writes else (), 0), **named}


def kind_of(carried: CarriedEntry, draft: Draft) -> str | None:
    """``meter`` or the kind of the asset; None where it is unknown or could not be read."""
    if carried.meter is not None:
        return "meter" if carried.meter in draft.ids["meters"] else None
    asset = draft.named("assets", AssetEntry, carried.asset or "")
    return None if asset is None else str(getattr(asset, "kind", ""))


def check_reads(draft: Draft, findings: Findings) -> None:
    """Named quantities suit their subject, and no two devices share a rank for one of them."""
    sources: dict[tuple[str, Quantity, int], str] = {}
    for path, device in draft.each("devices", DeviceEntry):
        for index, carried in enumerate(device.carries):
            kind, where = kind_of(carried, draft), (*path, "carries", index)
            if kind is None:
                continue
            known = [quantity.value for quantity in quantities(kind)]
            wrong = [name for name in carried.reads or {} if name not in known]
            for name in wrong:
                findings.unknown((*where, "reads", name), f"{kind} quantity", name, known)
            if wrong:
                continue
            subject = carried.asset or carried.meter or ""
            rivals: set[str] = {device.id}
            for quantity, rank in reads_of(carried, kind).items():
                rival = sources.setdefault((subject, quantity, rank), device.id)
                if rival not in rivals:
                    rivals.add(rival)
                    findings.add(
                        (*where, "reads") if carried.reads else where,
                        f"{rival!r} and {device.id!r} are both source {rank} of"
                        f" {quantity} of {subject!r}",
                        "'reads' with different ranks on both devices, 0 for the preferred source",
                    )
