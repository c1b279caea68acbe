"""Binds each configured device to its profile, assets and meters, before anything is opened."""

from collections.abc import Iterable, Sequence

from adapters.modbus.device import Setup
from adapters.modbus.facts import facts_of
from adapters.modbus.fitting import profile_mistakes
from adapters.modbus.options import DeviceOptions, LinkOptions, mistake, read_options
from adapters.modbus.readings import Bound
from adapters.profile.library import MODBUS
from adapters.profile.profile import Control, PartOf, Profile, Reading
from vpp.domain.assets import Asset
from vpp.domain.devices import Carried, Device
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.ports.device import LinkRequest

METER = "meter"


def setups(request: LinkRequest, link: LinkOptions, mistakes: list[Mistake]) -> list[Setup]:
    """What each device of the link is; what is wrong is added to ``mistakes``."""
    found = [_Binding(device, request, link, mistakes).setup() for device in request.devices]
    made = [setup for setup in found if setup is not None]
    units: dict[int, Device] = {}
    for setup in made:
        other = units.setdefault(setup.unit, setup.device)
        if other is not setup.device:
            mistakes.append(
                mistake(
                    f"devices.{setup.device.id}.options.unit",
                    f"unit {setup.unit} of this link is {other.id!r} already",
                    "give every device of a link a unit id of its own",
                )
            )
    return made


class _Binding:
    """One device of the city file being bound."""

    def __init__(
        self, device: Device, request: LinkRequest, link: LinkOptions, mistakes: list[Mistake]
    ) -> None:
        self._device, self._request, self._link = device, request, link
        self._mistakes, self._path = mistakes, f"devices.{device.id}"

    def setup(self) -> Setup | None:
        before = len(self._mistakes)
        options = read_options(DeviceOptions, self._device.options, self._path, self._mistakes)
        profile = self._profile()
        if profile is None:
            return None
        bound = tuple(self._bound(profile))
        written = {
            AssetId(carried.subject): self._control(profile, carried)
            for carried in self._device.carries
            if carried.writes
        }
        if profile.shared_ac_rating and options.ac_rating_kw is None:
            self._wrong("options.ac_rating_kw", "the AC rating that its assets share is missing")
        if len(self._mistakes) > before:
            return None
        steered = {asset: pair for asset, pair in written.items() if pair is not None}
        carried = [AssetId(c.subject) for c in self._device.carries]
        return Setup(
            device=self._device,
            profile=profile,
            facts=facts_of(profile, options, steered, carried),
            bound=bound,
            polled=frozenset(_polled(profile, bound, [c for _, c in steered.values()])),
            written=steered,
            unit=options.unit,
        )

    def _wrong(self, where: str, problem: str, remedy: str = "") -> None:
        self._mistakes.append(mistake(f"{self._path}.{where}", problem, remedy))

    def _profile(self) -> Profile | None:
        name = self._device.profile
        folders = [self._link.profiles] if self._link.profiles else []
        try:
            profile = MODBUS.find(name, folders, f"{self._path}.profile")
        except ConfigurationError as error:
            self._mistakes += error.mistakes
            return None
        problems = profile_mistakes(profile)
        for problem in problems:
            self._wrong("profile", f"profile {name}: {problem}")
        return None if problems else profile

    def _kind(self, carried: Carried) -> str:
        asset = self._asset(carried)
        return METER if asset is None else asset.kind.value

    def _asset(self, carried: Carried) -> Asset | None:
        return self._request.assets.get(AssetId(carried.subject))

    def _bound(self, profile: Profile) -> Iterable[Bound]:
        taken: dict[str, str] = {}
        for carried in self._device.carries:
            kind = self._kind(carried)
            said = kind if kind in profile.readings else METER
            readings = profile.readings.get(said)
            if readings is None:
                known = ", ".join(sorted(profile.readings))
                self._wrong(
                    "carries", f"profile {profile.name} measures no {kind}", f"it has {known}"
                )
                continue
            other = taken.setdefault(said, carried.subject)
            if other != carried.subject:
                problem = f"profile {profile.name} has one {said}, carried are {other!r} and"
                self._wrong("carries", f"{problem} {carried.subject!r}")
                continue
            yield from _chosen(carried, readings)

    def _control(self, profile: Profile, carried: Carried) -> tuple[Asset, Control] | None:
        asset, kind = self._asset(carried), self._kind(carried)
        if asset is None or kind not in profile.control:
            self._wrong(
                "carries",
                f"profile {profile.name} cannot write {carried.subject!r}, a {kind}",
                "leave out 'writes' and let it be read only",
            )
            return None
        return asset, profile.control[kind]


def _chosen(carried: Carried, readings: Sequence[Reading]) -> Iterable[Bound]:
    """What the city file reads here; everything where it names nothing."""
    for reading in readings:
        needed = carried.writes and reading.quantity is Quantity.SETPOINT_KW
        if needed or not carried.reads or reading.quantity in carried.reads:
            yield Bound(subject=carried.subject, reading=reading)


def _polled(profile: Profile, bound: Sequence[Bound], controls: Sequence[Control]) -> Iterable[str]:
    """Points that the readings use, and those that a write must know."""
    for choice in (choice for b in bound for choice in b.reading.choices):
        yield from (name for name, _ in (*choice.when, *choice.terms))
        if choice.times is not None:
            yield choice.times
    for control in controls:
        for step in (step for recipe in control.recipes.values() for step in recipe):
            for name, value in step.writes:
                rule = profile.points[name].write
                if rule is not None and rule.wears:
                    yield name
                if isinstance(value, PartOf):
                    yield value.point
    if controls and profile.heartbeat is not None:
        yield profile.heartbeat.point
