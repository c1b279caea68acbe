"""Authority on disk: who set it, when and why, and who the device was then."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vpp.control import durable
from vpp.domain.devices import Authority, Identity
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.ids import DeviceId

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered of one device."""

    authority: Authority | None = None
    """None: what the city file says."""
    who: str = ""
    when: datetime | None = None
    why: str = ""
    identity: Identity | None = None
    """Who answered last; None if nobody has yet."""
    profile: str = ""
    digest: str = ""
    """Of the profile, as its adapter tells it."""


def read(path: Path) -> Mapping[DeviceId, Entry]:
    """All entries; none where there is no file yet.

    Raises:
        ConfigurationError: it is no such file.
    """
    try:
        said = json.loads(path.read_text())
        return _entries(said)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            [
                Mistake(
                    file=str(path),
                    line=None,
                    path="authority of the devices",
                    problem=f"cannot be read: {error}",
                    remedy="repair it, or remove it to begin from the city file",
                )
            ]
        ) from error


def write(path: Path, entries: Mapping[DeviceId, Entry]) -> None:
    """Replace the file whole; durable on return. Blocks.

    Raises:
        OSError: the old file stands.
    """
    said = {"version": _VERSION, "devices": {device: _fields(e) for device, e in entries.items()}}
    durable.put(path, json.dumps(said, indent=1))


def _entries(said: Mapping[str, Any]) -> Mapping[DeviceId, Entry]:
    if said["version"] != _VERSION:
        raise ValueError(f"version {said['version']}, expected {_VERSION}")
    return {DeviceId(device): _entry(fields) for device, fields in said["devices"].items()}


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "authority": entry.authority,
        "who": entry.who,
        "when": entry.when.isoformat() if entry.when else None,
        "why": entry.why,
        "identity": asdict(entry.identity) if entry.identity else None,
        "profile": entry.profile,
        "digest": entry.digest,
    }


def _entry(fields: Mapping[str, Any]) -> Entry:
    return Entry(
        authority=Authority(fields["authority"]) if fields["authority"] else None,
        who=str(fields["who"]),
        when=datetime.fromisoformat(fields["when"]) if fields["when"] else None,
        why=str(fields["why"]),
        identity=Identity(**fields["identity"]) if fields["identity"] else None,
        profile=str(fields["profile"]),
        digest=str(fields.get("digest", "")),
    )
