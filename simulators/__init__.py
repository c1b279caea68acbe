"""A simulated city: its physics, its input and the wires that it answers on.

Shares no code with the rest of the house, so that an error of sign or scale cannot cancel out.
Powers are in watts, energies in watt-hours, positive is into the asset (consuming), at a meter
positive is import. Instants named ``*_s`` are city seconds since the world's start.
"""
