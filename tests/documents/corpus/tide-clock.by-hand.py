"""When the next high water is. Приливы считаются просто. 潮汐。"""
LUNAR_DAY_MINUTES = 1490


def next_high_water(last_minutes: int) -> int:
    # Two tides in a lunar day, and nobody ever agreed on the rest.
    return last_minutes + LUNAR_DAY_MINUTES // 2


print(f"{next_high_water(372) // 60:02d}:{next_high_water(372) % 60:02d}")
