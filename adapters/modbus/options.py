"""What the city file may say under ``options`` of a Modbus link or device."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vpp.domain.errors import Mistake

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LinkOptions(_Options):
    """Of a link. What is left out comes from the profiles of its devices."""

    max_clients: Annotated[int, Field(gt=0, strict=True)] | None = None
    """Connections that the other side takes; one is made, whatever stands here."""
    min_gap_s: Seconds | None = None
    """Wire seconds between two requests."""
    connect_delay_s: Seconds | None = None
    profiles: Path | None = None
    """A folder with profiles of your own, looked into before those that are shipped."""


class DeviceOptions(_Options):
    """Of a device. What was found at commissioning overrides the profile; city seconds."""

    unit: Annotated[int, Field(ge=0, le=255, strict=True)] = 1
    """Modbus unit id."""
    timeout_s: Annotated[float, Field(gt=0, le=60, strict=True)] | None = None
    """Wire seconds until a request counts as unanswered."""
    poll_period_s: Positive | None = None
    value_age_s: Seconds | None = None
    dead_time_s: Seconds | None = None
    ramp_kw_per_s: Positive | None = None
    heartbeat_s: Positive | None = None
    """Within it the device's watchdog wants to see the heartbeat change."""
    watchdog_s: Positive | None = None
    ac_rating_kw: Positive | None = None
    """AC rating that the assets of a hybrid share."""


Shape = TypeVar("Shape", bound=_Options)


def read_options(
    shape: type[Shape], given: Mapping[str, Any], path: str, mistakes: list[Mistake]
) -> Shape:
    """The options; what is wrong is added to ``mistakes``, and the defaults stand in."""
    try:
        return shape.model_validate(dict(given))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = ".".join(str(step) for step in detail["loc"])
            unknown = detail["type"] == "extra_forbidden"
            known = ", ".join(shape.model_fields)
            mistakes.append(
                mistake(
                    f"{path}.options.{where}",
                    "is no option of a Modbus entry" if unknown else detail["msg"],
                    f"one of {known}" if unknown else "",
                )
            )
        return shape()


def mistake(path: str, problem: str, remedy: str = "") -> Mistake:
    """A mistake at a path of the city file; whoever holds the file adds its name and line."""
    return Mistake(file="city file", line=None, path=path, problem=problem, remedy=remedy)
