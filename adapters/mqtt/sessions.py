"""Cars at connectors, as the station tells of them."""

from collections.abc import Collection
from dataclasses import fields
from datetime import UTC, datetime

from adapters.mqtt.messages import Malformed, SessionAsset, SessionMessage
from vpp.domain.ids import AssetId
from vpp.domain.session import EvSession, Provenance

_STATED = frozenset(field.name for field in fields(EvSession)) - {"id", "asset", "provenance"}


def sessions_of(
    message: SessionMessage, connectors: Collection[AssetId]
) -> dict[AssetId, EvSession | None]:
    """By connector; None: unplugged. Connectors that the device does not carry are left out.

    Raises:
        Malformed: a session contradicts itself; nothing of the message is taken.
    """
    return {
        asset: _session(asset, message.assets[asset])
        for asset in connectors
        if asset in message.assets
    }


def _session(asset: AssetId, said: SessionAsset) -> EvSession | None:
    if not said.plugged:
        return None
    if not said.id or said.arrival is None:
        raise Malformed(f"{asset}: a plugged session needs id and arrival")
    if said.min_kw > said.max_kw:
        raise Malformed(f"{asset}: min_kw {said.min_kw} is above max_kw {said.max_kw}")
    if said.departure is not None and said.departure < said.arrival:
        raise Malformed(f"{asset}: departs at {said.departure}, before it came")
    return EvSession(
        id=said.id,
        asset=asset,
        arrival=_utc(said.arrival),
        departure=None if said.departure is None else _utc(said.departure),
        need_kwh=said.need_kwh,
        delivered_kwh=said.delivered_kwh,
        min_kw=said.min_kw,
        max_kw=said.max_kw,
        phases=said.phases,
        provenance={
            name: Provenance(source)
            for name, source in said.provenance.items()
            if source is not None and name in _STATED and getattr(said, name) is not None
        },
    )


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as wrong:
        raise Malformed(f"{instant} lies outside the calendar") from wrong
