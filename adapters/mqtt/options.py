"""What the city file may say under a link's and a device's ``options``."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from adapters.mqtt.client import Broker
from adapters.mqtt.facts import Following, forms_of
from adapters.mqtt.topics import DeviceTopics, is_level
from vpp.domain.devices import Device
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.ports.device import LinkRequest

PROFILE = "vpp-1"
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


class DeviceOptions(Struct, frozen=True, kw_only=True):
    """Of one device; times are city seconds."""

    site: Text = ""
    """The ``<site>`` of its topics."""
    period_s: Seconds = 1.0
    dead_time_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    ramp_s: Seconds = 3.0
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

    def device(self, device: Device, request: LinkRequest) -> tuple[DeviceTopics, Following]:
        """Topics of a device, and how it follows."""
        at = f"devices.{device.id}"
        if device.profile != PROFILE:
            self._add(f"{at}.profile", f"no profile {device.profile!r} over MQTT", PROFILE)
        options = self._read(DeviceOptions, device.options, f"{at}.options")
        for path, level in ((f"{at}.options.site", options.site), (f"{at}.id", device.id)):
            if not is_level(level):
                self._add(path, f"{level!r} cannot stand in a topic", "text without / + #")
        for asset in device.written_assets:
            if asset not in request.assets or not forms_of(request.assets[asset]):
                self._add(f"{at}.carries", f"{asset!r} cannot be written", "writes: false")
        following = Following(
            period_s=options.period_s, dead_time_s=options.dead_time_s, ramp_s=options.ramp_s
        )
        return DeviceTopics(options.site, device.id), following

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
