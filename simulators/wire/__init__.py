"""What a city says on real sockets: Modbus TCP servers, MQTT stations and their broker."""

from simulators.wire.broker import BrokerAddress
from simulators.wire.simulated_city import SimulatedCity

__all__ = ["BrokerAddress", "SimulatedCity"]
