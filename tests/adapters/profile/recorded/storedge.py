"""A SolarEdge StorEdge hybrid: addresses, types and signs after the vendor's map, values made up.

103.W counts what the whole inverter gives as positive, the battery what it takes. Numbers of two
and four registers come with the low word first.
"""

import math

from tests.adapters.profile.recorded.recording import (
    Recording,
    Says,
    Words,
    at,
    f32,
    u32,
    u64,
)
from tests.adapters.profile.recorded.told import told
from vpp.domain.points import OperatingState, Quantity

NONE = math.nan


def says(kind: str, quantity: Quantity, value: float | None, **points: int | Words) -> Says:
    while_ = {n: (said,) if isinstance(said, int) else said for n, said in points.items()}
    return Says(kind=kind, quantity=quantity, value=value, while_=while_)


def states(**said: tuple[int, ...]) -> list[Says]:
    return [
        says("battery", Quantity.STATE, getattr(OperatingState, name.upper()), status=u32(raw))
        for name, raws in said.items()
        for raw in raws
    ]


HYBRID = Recording(
    base=40000,
    models=((1, 65), (103, 50)),
    vendor=((57348, 14), (57600, 138), (62208, 36)),
    scales={40084: -1},
    options={"ac_rating_kw": 10},
    points={
        "ac_power": at(40083, 20_001, means=-2.0001),  # it gives
        "control_mode": at(57348, 2, means=2),
        "ac_charge_policy": at(57349, 3, means=3),
        "default_mode": at(57354, 5, means=5),
        "command_timeout": at(57355, 7, 1, means=65_543),
        "command_mode": at(57357, 3, means=3),
        "charge_limit": at(57358, 0x4000, 0x4583, means=4.2),  # 4200.0 W is 0x45834000
        "discharge_limit": at(57360, 0x8000, 0x44BB, means=1.5),  # 1500.0 W is 0x44BB8000
        "max_charge": at(57668, *f32(9_800.0), means=9.8),
        "max_discharge": at(57670, *f32(7_700.0), means=7.7),
        "battery_power": at(57716, *f32(-1_234.5), means=-1.2345),  # it gives
        "discharged": at(57718, *u64(7_654_321), means=7_654.321),
        "charged": at(57722, *u64(8_765_432), means=8_765.432),
        "available": at(57728, *f32(12_345.0), means=12.345),
        "soh": at(57730, *f32(97.5), means=0.975),
        "soe": at(57732, *f32(61.25), means=0.6125),
        "status": at(57734, *u32(0x0003_0004), means=0x0003_0004),
        "limits_power": at(62208, 2, means=2),  # neither off (0) nor on (1)
        "max_active_power": at(62212, *f32(9_600.0), means=9.6),
        "limit_timeout": at(62224, 9, 1, means=65_545),
        "limit_fallback": at(62226, *f32(62.5), means=0.625),
        "limit": at(62242, 0x0000, 0x41FA, means=0.3125),  # 31.25 % is 0x41FA0000
    },
    says=[
        says("battery", Quantity.POWER_KW, -1.2345),
        says("battery", Quantity.POWER_KW, 3.25, battery_power=f32(3_250.0)),
        says("battery", Quantity.SOC, 0.6125),
        says("battery", Quantity.AVAILABLE_KWH, 12.345),
        says("battery", Quantity.HEALTH, 0.975),
        says("battery", Quantity.ENERGY_IN_KWH, 8_765.432),
        says("battery", Quantity.ENERGY_OUT_KWH, 7_654.321),
        says("battery", Quantity.LIMIT_CHARGE_KW, 9.8),
        says("battery", Quantity.LIMIT_DISCHARGE_KW, 7.7),
        *(
            says("battery", Quantity.SETPOINT_KW, NONE, control_mode=mode) for mode in (0, 1, 2, 3)
        ),
        says("battery", Quantity.SETPOINT_KW, 4.2, control_mode=4, command_mode=3),
        says("battery", Quantity.SETPOINT_KW, -1.5, control_mode=4, command_mode=4),
        says("battery", Quantity.SETPOINT_KW, 0.0, control_mode=4, command_mode=0),
        *(
            says("battery", Quantity.SETPOINT_KW, NONE, control_mode=4, command_mode=mode)
            for mode in (1, 2, 5, 7)
        ),
        *states(off=(0,), standby=(1, 2, 6, 7, 10), running=(3, 4), fault=(5,)),
        # 2.0001 kW are given, 1.2345 of them by the battery
        says("pv", Quantity.POWER_KW, -0.7656),
        says("pv", Quantity.POWER_KW, -5.2501, battery_power=f32(3_250.0)),
        says("pv", Quantity.AVAILABLE_KW, 0.7656, limits_power=0),
        says("pv", Quantity.AVAILABLE_KW, 0.0, limits_power=0, battery_power=f32(-2_500.0)),
        says("pv", Quantity.AVAILABLE_KW, 0.7656, limits_power=1, limit=f32(100.0)),
        says(
            "pv", Quantity.AVAILABLE_KW, 0.0,
            limits_power=1, limit=f32(100.0), battery_power=f32(-2_500.0),
        ),
        says("pv", Quantity.AVAILABLE_KW, None, limits_power=1),
        says("pv", Quantity.SETPOINT_KW, NONE, limits_power=0),
        says("pv", Quantity.SETPOINT_KW, NONE, limits_power=1, limit=f32(100.0)),
        says("pv", Quantity.SETPOINT_KW, -3.0, limits_power=1),  # 31.25 % of 9.6 kW
    ],
    told=[
        told("battery", "charge", 4.2, "autonomous", (57348, [4, 1]), (57354, [7]),
             (57355, [60, 0, 3, 0x4000, 0x4583, *f32(40_000.0)])),
        told("battery", "idle", 0.0, "zero", (57348, [4, 1]), (57354, [0]),
             (57355, [60, 0, 3, 0, 0, *f32(40_000.0)])),
        told("battery", "discharge", -1.5, "zero", (57348, [4]), (57354, [0]),
             (57355, [60, 0, 4, *f32(50_000.0), 0x8000, 0x44BB])),
        told("battery", "stop", NONE, "autonomous", (57348, [4]), (57354, [7]),
             (57355, [60, 0, 0])),
        told("battery", "release", NONE, "zero", (57354, [0]),
             (57355, [60, 0, 7, *f32(50_000.0), *f32(40_000.0)])),
        told("pv", "limit", -3.0, "zero", (62208, [1]), (62224, [300, 0, 0, 0]),
             (62242, [0x0000, 0x41FA])),
        told("pv", "stop", NONE, "autonomous", (62208, [1]), (62224, [300, 0, 0x0000, 0x42C8]),
             (62242, [0, 0])),
        told("pv", "release", NONE, "autonomous", (62242, [0x0000, 0x42C8])),
    ],
)  # fmt: skip
