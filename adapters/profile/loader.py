"""Text to profile: read, shaped, checked, frozen. Every mistake names file, line and path."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, get_args

from pydantic import ValidationError

from adapters.profile import mqtt
from adapters.profile.check import Report, check
from adapters.profile.freeze import freeze
from adapters.profile.mqtt import MqttProfile, MqttProfileFile
from adapters.profile.profile import Profile
from adapters.profile.schema import HeadEntry, ProfileFile
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.text import Path, TextTree, read_text, text_path

File = TypeVar("File", bound=HeadEntry)
_WORDS = ("title", "source", "notes")


def read_profile(text: str, name: str, file: str) -> Profile:
    """The Modbus profile that this text describes.

    Raises:
        ConfigurationError: it is no profile; holds every mistake found.
    """
    profile = freeze(_checked(text, file, ProfileFile, check), name)
    return replace(profile, digest=_digest(text, file))


def read_mqtt_profile(text: str, name: str, file: str) -> MqttProfile:
    """The profile over the MQTT convention that this text describes.

    Raises:
        ConfigurationError: it is no such profile; holds every mistake found.
    """
    profile = mqtt.freeze(_checked(text, file, MqttProfileFile, mqtt.check), name)
    return replace(profile, digest=_digest(text, file))


def _digest(text: str, file: str) -> str:
    """Of what a device is told or believed by; words and comments may change."""
    said = {k: v for k, v in read_text(text, file).value.items() if k not in _WORDS}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _checked(
    text: str, file: str, shape: type[File], check_of: Callable[[File, Report], None]
) -> File:
    tree = read_text(text, file)
    mistakes = list(tree.mistakes)
    shaped = None if mistakes else _shaped(tree, shape, mistakes)
    if shaped is not None:
        check_of(
            shaped, lambda path, problem, remedy: mistakes.append(_at(tree, path, problem, remedy))
        )
    if mistakes or shaped is None:
        raise ConfigurationError(mistakes)
    return shaped


def _shaped(tree: TextTree, shape: type[File], mistakes: list[Mistake]) -> File | None:
    said = tree.value.get("protocol") if isinstance(tree.value, dict) else None
    (spoken,) = get_args(shape.model_fields["protocol"].annotation)
    if isinstance(said, str) and said != spoken:
        problem = f"is a profile for {said!r}, and the device is reached over {spoken}"
        mistakes.append(_at(tree, ("protocol",), problem, ""))
        return None
    try:
        return shape.model_validate(tree.value)
    except ValidationError as error:
        seen: set[tuple[str, str]] = set()
        for detail in error.errors(include_url=False):
            problem = detail["msg"].removeprefix("Value error, ")
            mistake = _at(tree, tuple(detail["loc"]), problem, "")
            if (mistake.path, problem) not in seen:
                seen.add((mistake.path, problem))
                mistakes.append(mistake)
        return None


def _at(tree: TextTree, path: Path, problem: str, remedy: str) -> Mistake:
    """A mistake at the deepest part of the path that the file has.

    What is missing, and the ways in which a value could have been read, are not in the file.
    """
    known: Path = ()
    for step in path:
        if text_path((*known, step)) in tree.lines:
            known = (*known, step)
    missing = "" if not path or path[-1] in known or "required" not in problem else f": {path[-1]}"
    return tree.mistake(known, f"{problem}{missing}", remedy)
