"""Invented street names that read like ones in the region; only the hand-placed streets bear real names."""

from __future__ import annotations

import numpy as np

_FIRST = (
    "文学德仁义礼信和平安宁福康泰吉祥瑞永兴隆昌盛华荣富明光朝晨东南西春夏秋锦绣翠青碧云霞月星海江河湖溪泉石竹梅兰桂松柏杨柳枫桃荷莲凤龙鹤鸿"
)
_SECOND = "昌业德仁义和平安宁康泰兴隆盛华荣明光阳晖霞云月山岭峰海江河湖溪泉浦塘桥渡亭苑园圃林竹梅兰桂松柏柳枫桃莲凤龙鹤雁祥瑞丰裕"
_SUFFIXES = {
    "tertiary": ("路", "路", "路", "大街"),
    "unclassified": ("路", "路", "线"),
    "residential": ("路", "街", "巷", "路"),
    "living_street": ("巷", "弄", "里"),
    "service": ("弄",),
    "track": ("林道",),
}
# Lanes of these classes are often nameless.
_NAMED_SHARE = {"living_street": 0.6, "service": 0.25, "track": 0.3, "unclassified": 0.8}


class StreetNames:
    """Names for generated streets, none used twice within one district."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._used: set[tuple[int, str]] = set()

    def next(self, highway: str, district: int) -> str:
        """A new name for a street of this class, or the empty name."""
        if self._rng.random() > _NAMED_SHARE.get(highway, 1.0):
            return ""
        suffixes = _SUFFIXES[highway]
        while True:
            first = _FIRST[int(self._rng.integers(len(_FIRST)))]
            second = _SECOND[int(self._rng.integers(len(_SECOND)))]
            name = first + second + suffixes[int(self._rng.integers(len(suffixes)))]
            if first != second and (district, name) not in self._used:
                self._used.add((district, name))
                return name
