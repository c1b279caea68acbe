"""A profile of a device that speaks the house's MQTT convention: its file's shape, and its values.

Topics and payloads are the convention's and stand in no profile; how a device takes commands and
follows them does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from adapters.profile.check import Report
from adapters.profile.freeze import switched
from adapters.profile.profile import Switched
from adapters.profile.schema import Entry, HeadEntry, Positive, Seconds, SwitchedEntry
from vpp.domain.capability import Form
from vpp.domain.facts import Confirm

Kind = Literal["battery", "pv", "ev_charger"]
_TOLD: Mapping[str, tuple[Form, ...]] = {
    "battery": (Form.TARGET,),
    "pv": (Form.CEILING, Form.TARGET),
    "ev_charger": (Form.CEILING, Form.TARGET),
}
"""Forms of which a kind of asset needs at least one, to be told a power."""


class TelemetryEntry(Entry):
    """How often the device tells what it measures (city seconds)."""

    period_s: Positive = 1.0


class ConfirmEntry(Entry):
    """How a command is believed: the power acknowledged or read back."""

    tolerance_kw: Seconds = 0.1
    within_s: Seconds = 5.0


class CommandsEntry(Entry):
    """How the device takes commands (city seconds)."""

    refresh_s: Positive = 10.0
    min_interval_s: Seconds = 5.0
    per_day: Annotated[int, Field(gt=0, strict=True)] | None = None
    atomic_reversal: bool = False
    confirm: ConfirmEntry = ConfirmEntry()


class SteeringEntry(SwitchedEntry):
    """How one kind of asset is steered."""

    forms: Annotated[list[Form], Field(min_length=1)]
    dead_time_s: Seconds = 0.0
    ramp_s: Positive
    resolution_kw: Seconds = 0.0


class MqttProfileFile(HeadEntry):
    """The whole file."""

    protocol: Literal["mqtt"]
    convention: Literal[1]
    telemetry: TelemetryEntry = TelemetryEntry()
    commands: CommandsEntry = CommandsEntry()
    control: dict[Kind, SteeringEntry] = Field(default_factory=dict)


def check(file: MqttProfileFile, report: Report) -> None:
    """Report every kind that could be told nothing."""
    for kind, steering in file.control.items():
        if not set(_TOLD[kind]) & set(steering.forms):
            wanted = " or ".join(_TOLD[kind])
            report(("control", kind, "forms"), "no form tells it a power", f"add {wanted}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """How one kind of asset is steered, city seconds."""

    forms: frozenset[Form]
    dead_time_s: float
    ramp_s: float
    """From nothing to full power."""
    resolution_kw: float
    switched: Switched


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttProfile:
    """What is known of a kind of device, city seconds. ``name`` is the file's."""

    name: str
    title: str
    period_s: float
    """Of the telemetry."""
    refresh_s: float
    min_interval_s: float
    per_day: int | None
    atomic_reversal: bool
    confirm: Confirm
    control: Mapping[str, Steering]
    """By kind of asset; a kind that is left out is only read."""
    digest: str = ""
    """Of all that the file says, but for title, source and notes."""

    def commissioned(
        self, *, period_s: float | None, dead_time_s: float | None, ramp_s: float | None
    ) -> "MqttProfile":
        """With what was found at commissioning in place of its own figures; None keeps them."""
        return replace(
            self,
            period_s=self.period_s if period_s is None else period_s,
            control={
                kind: replace(
                    steering,
                    dead_time_s=steering.dead_time_s if dead_time_s is None else dead_time_s,
                    ramp_s=steering.ramp_s if ramp_s is None else ramp_s,
                )
                for kind, steering in self.control.items()
            },
        )


def freeze(file: MqttProfileFile, name: str) -> MqttProfile:
    """The profile that the file describes."""
    commands, confirm = file.commands, file.commands.confirm
    return MqttProfile(
        name=name,
        title=file.title,
        period_s=file.telemetry.period_s,
        refresh_s=commands.refresh_s,
        min_interval_s=commands.min_interval_s,
        per_day=commands.per_day,
        atomic_reversal=commands.atomic_reversal,
        confirm=Confirm(tolerance_kw=confirm.tolerance_kw, within_s=confirm.within_s),
        control={
            kind: Steering(
                forms=frozenset(entry.forms),
                dead_time_s=entry.dead_time_s,
                ramp_s=entry.ramp_s,
                resolution_kw=entry.resolution_kw,
                switched=switched(entry),
            )
            for kind, entry in file.control.items()
        },
    )
