"""What every device promises, as its port says it now."""

from collections.abc import Iterator, Mapping

from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import DeviceId
from vpp.ports.device import DevicePort


class LiveFacts(Mapping[DeviceId, DeviceFacts]):
    """Facts by device; an adapter may refine them whenever the device is identified."""

    def __init__(self, ports: Mapping[DeviceId, DevicePort]) -> None:
        self._ports = ports
        self._frozen: Mapping[DeviceId, DeviceFacts] = {}

    def __getitem__(self, device: DeviceId) -> DeviceFacts:
        return self._ports[device].facts

    def __iter__(self) -> Iterator[DeviceId]:
        return iter(self._ports)

    def __len__(self) -> int:
        return len(self._ports)

    def frozen(self) -> Mapping[DeviceId, DeviceFacts]:
        """All of them at this moment; the same object as long as none has changed."""
        now = {device: port.facts for device, port in self._ports.items()}
        if now != self._frozen:
            self._frozen = now
        return self._frozen
