"""Pure values of the energy cloud: no input or output, no asyncio, no clock.

Conventions of the whole house: power in kW, energy in kWh, durations in seconds, state of charge
as a fraction 0..1 of the usable window. Positive power flows into the asset; at a grid connection
positive is import. Times are aware UTC; numbers named ``*_s`` that mark an instant are seconds of
the city's monotonic clock.
"""
