"""What the city file may say under a link's and a device's ``options``."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from adapters.mqtt.client import Broker
from adapters.mqtt.facts import steering_of
from adapters.mqtt.topics import DeviceTopics, is_level
from adapters.profile.library import MQTT
from adapters.profile.mqtt import MqttProfile
from vpp.domain.devices import Device
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.ports.device import LinkRequest

PLAIN_PORT, TLS_PORT = 1883, 8883
Text = Annotated[str, Meta(min_length=1, max_length=1024)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Options = TypeVar("Options", bound=Struct)


class LinkOptions(Struct, frozen=True, kw_only=True):
    """Of the broker session. Files are PEM; a password stands in a file of its own."""

    username: Text | None = None
    password_file: Text | None = None
    tls: bool = False
    """Also implied by ``ca`` and ``cert``."""
    ca: Text | None = None
    """Authorities to trust; left out: the system's."""
    cert: Text | None = None
    key: Text | None = None
    keepalive_s: Annotated[int, Meta(ge=1, le=15)] = 15
    timeout_s: Annotated[float, Meta(gt=0, le=2)] = 2.0
    profiles: Text | None = None
    """A folder with profiles of your own, looked into before those that are shipped."""


class DeviceOptions(Struct, frozen=True, kw_only=True):
    """Of one device. What was found at commissioning overrides the profile; city seconds."""

    site: Text = ""
    """The ``<site>`` of its topics."""
    period_s: Seconds | None = None
    dead_time_s: Annotated[float, Meta(ge=0, le=60)] | None = None
    ramp_s: Seconds | None = None
    """From nothing to full power."""


class OptionsReader:
    """Collects everything that is wrong before anything is opened."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def check(self) -> None:
        """Raise ConfigurationError with all mistakes, if there are any."""
        if self.mistakes:
            raise ConfigurationError(self.mistakes)

    def broker(self, request: LinkRequest) -> Broker:
        """The broker of a link, its secrets read."""
        link, at = request.link, f"links.{request.link.id}.options"
        options = self._read(LinkOptions, link.options, at)
        tls = self._tls(options, at)
        return Broker(
            host=link.host,
            port=link.port or (PLAIN_PORT if tls is None else TLS_PORT),
            client_id=f"vpp-{request.portfolio}-{link.id}",
            username=options.username,
            password=self._password(options, at),
            tls=tls,
            keepalive_s=options.keepalive_s,
            timeout_s=options.timeout_s,
        )

    def device(
        self, device: Device, request: LinkRequest
    ) -> tuple[DeviceTopics, MqttProfile] | None:
        """Topics of a device, and its profile as commissioned; None without a profile."""
        at = f"devices.{device.id}"
        profile = self._profile(device, request)
        options = self._read(DeviceOptions, device.options, f"{at}.options")
        for path, level in ((f"{at}.options.site", options.site), (f"{at}.id", device.id)):
            if not is_level(level):
                self._add(path, f"{level!r} cannot stand in a topic", "without text / + #")
        if profile is None:
            return None
        self._check_written(device, profile, request)
        return DeviceTopics(options.site, device.id), profile.commissioned(
            period_s=options.period_s, dead_time_s=options.dead_time_s, ramp_s=options.ramp_s
        )

    def _profile(self, device: Device, request: LinkRequest) -> MqttProfile | None:
        folder = request.link.options.get("profiles")
        folders = [Path(folder)] if isinstance(folder, str) else []
        try:
            return MQTT.find(device.profile, folders, f"devices.{device.id}.profile")
        except ConfigurationError as wrong:
            self.mistakes += wrong.mistakes
            return None

    def _check_written(self, device: Device, profile: MqttProfile, request: LinkRequest) -> None:
        for name in device.written_assets:
            asset = request.assets.get(name)
            if asset is None or steering_of(asset, profile) is None:
                problem = f"{name!r} cannot be written with profile {profile.name}"
                self._add(f"devices.{device.id}.carries", problem, "writes: false")

    def _add(self, path: str, problem: str, remedy: str = "") -> None:
        self.mistakes.append(Mistake(file="", line=None, path=path, problem=problem, remedy=remedy))

    def _read(self, kind: type[Options], said: Mapping[str, Any], at: str) -> Options:
        """The options that are right, each checked by itself."""
        known = {one.name: one.type for one in msgspec.structs.fields(kind)}
        right: dict[str, Any] = {}
        for name, value in said.items():
            if name not in known:
                self._add(f"{at}.{name}", "is not known here", f"one of {', '.join(known)}")
                continue
            try:
                right[name] = msgspec.convert(value, known[name])
            except msgspec.ValidationError as wrong:
                self._add(f"{at}.{name}", f"{value!r} is not right", str(wrong))
        return kind(**right)

    def _password(self, options: LinkOptions, at: str) -> str | None:
        if options.password_file is None:
            return None
        if options.username is None:
            self._add(f"{at}.password_file", "a password without a name", "give username too")
        try:
            return Path(options.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as fault:
            self._add(f"{at}.password_file", f"cannot be read: {fault}")
            return None

    def _tls(self, options: LinkOptions, at: str) -> ssl.SSLContext | None:
        if not (options.tls or options.ca or options.cert or options.key):
            return None
        context = ssl.create_default_context()
        if options.ca is not None:
            self._load(f"{at}.ca", context.load_verify_locations, options.ca)
        if options.cert is not None:
            self._load(f"{at}.cert", context.load_cert_chain, options.cert, options.key)
        elif options.key is not None:
            self._add(f"{at}.key", "a key without its certificate", "give cert too")
        return context

    def _load(self, path: str, load: Any, *files: str | None) -> None:
        try:
            load(*files)
        except (OSError, ssl.SSLError) as fault:
            self._add(path, f"cannot be used: {fault}", "a readable PEM file")
