"""What the devices do with the power they are given; no clock, no wire.

Every unit is moved by ``advance(now_s, ...)`` to an instant in city seconds and gives the same
result for the same calls. Steps may be as short as 0.1 s or as long as a minute.
"""
