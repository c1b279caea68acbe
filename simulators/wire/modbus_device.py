"""A simulated Modbus device as faults see it."""

from simulators.faults import Fault
from simulators.wire.modbus import Port
from simulators.wire.unit import Unit

MQTT_ONLY = frozenset({"drop"})


class ModbusDevice:
    """One unit on one port; `peers` are all devices of the simulation, for the fault `swap`."""

    def __init__(self, unit: Unit, port: Port, peers: dict[str, "ModbusDevice"]) -> None:
        self.unit = unit
        self.port = port
        self._peers = peers

    def suffers(self, kind: str) -> bool:
        return kind not in MQTT_ONLY

    async def begin(self, fault: Fault) -> None:
        self.unit.faults = (*self.unit.faults, fault)
        match fault.kind:
            case "refuse":
                self.port.shut()
            case "half_open":
                self.port.strand_all()
            case "frozen":
                self.unit.memory.freeze()
            case "reboot":
                self._reboot(fault)
            case "swap":
                self._swap(fault)
            case _:
                self._distort()

    async def end(self, fault: Fault) -> None:
        self.unit.faults = tuple(other for other in self.unit.faults if other is not fault)
        match fault.kind:
            case "refuse":
                await self.port.listen()
            case "frozen":
                self.unit.memory.thaw()
            case "swap":
                self._swap(fault)
            case _:
                self._distort()

    def _distort(self) -> None:
        faults, memory = self.unit.faults, self.unit.memory
        memory.missing = frozenset(f.point for f in faults if f.kind == "sentinel")
        memory.flipped = any(f.kind == "sign_flip" for f in faults)

    def _reboot(self, fault: Fault) -> None:
        """Connections drop with the power; what is volatile is gone."""
        self.unit.faults = tuple(other for other in self.unit.faults if other is not fault)
        self.port.reset_all()
        self.unit.memory.reboot()

    def _swap(self, fault: Fault) -> None:
        """The two devices exchange their addresses; open connections do not outlive it."""
        other = self._peers.get(fault.other)
        if other is None:
            raise ValueError(f"fault 'swap' names {fault.other!r}, which is no Modbus device here")
        mine, theirs = self._place(), other._place()  # noqa: SLF001 - one of its own kind
        mine[0].units[mine[1]], theirs[0].units[theirs[1]] = other.unit, self.unit
        self.port, other.port = theirs[0], mine[0]
        self.port.reset_all()
        other.port.reset_all()

    def _place(self) -> tuple[Port, int]:
        return next((self.port, number) for number, u in self.port.units.items() if u is self.unit)
