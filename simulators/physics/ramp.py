"""How fast a power may change."""


def approach(power_w: float, target_w: float, rate_w_per_s: float, dt_s: float) -> float:
    """The power after ``dt_s`` on the way to the target, at no more than the given rate."""
    most = rate_w_per_s * dt_s
    return min(max(target_w, power_w - most), power_w + most)


def mean_on_the_way(power_w: float, target_w: float, rate_w_per_s: float, dt_s: float) -> float:
    """The mean power over ``dt_s`` of the same movement: a slope, then level.

    The area of the slope's triangle is (target - power)^2 / (2 rate).
    """
    gap = target_w - power_w
    if dt_s <= 0 or gap == 0:
        return power_w
    sloping_s = abs(gap) / rate_w_per_s
    if sloping_s >= dt_s:
        return (power_w + approach(power_w, target_w, rate_w_per_s, dt_s)) / 2
    return target_w - gap * sloping_s / (2 * dt_s)
