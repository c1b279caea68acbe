"""Devices that call in over MQTT, by the project's own convention, version 1 (``vpp/1/...``)."""
