"""The rungs from full planning down to what each device does alone."""

from enum import IntEnum


class Rung(IntEnum):
    """Per asset, site and pool; a higher number is a worse rung."""

    FRESH_PLAN = 0
    LAST_PLAN = 1
    """The last plan, while its inputs hold, up to 24 h."""
    SURPLUS_RULE = 2
    """The value curve with one small slope: surplus stored, deficit served."""
    SAFE_STATE = 3
    """What the device declared at commissioning."""
