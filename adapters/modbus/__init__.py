"""Modbus TCP: registers in, house values out, by device profile."""
