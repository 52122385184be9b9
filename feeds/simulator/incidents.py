"""What happens in the city, and when: by type, hour and place, as calls come in. Seeded; all persons are invented."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dispatch.codes import Codes, IncidentType
from geodata.cities.city import City

# Share of a day's calls by local hour; ours, with the night low and evening peak that city call statistics show.
HOUR_WEIGHTS = np.array(
    [2.6, 1.9, 1.4, 1.1, 1.0, 1.2, 2.0, 3.4, 4.6, 5.2, 5.4, 5.2, 4.8, 4.9, 5.1, 5.2, 5.3, 5.6, 5.9, 6.2, 6.4, 5.9, 4.9, 3.8]
)
# Two calls in a hundred come without a usable place (待定位).
SHARE_WITHOUT_POINT = 0.02
# Most calls come from where people are: near a key place; the rest from any street.
SHARE_NEAR_KEY_PLACE = 0.65

TEXTS: dict[str, tuple[str, ...]] = {
    "dispute": ("因停车位发生争执", "消费纠纷，双方情绪激动", "邻里因漏水发生口角", "乘客与司机发生争执"),
    "assault": ("有人打架，对方三人", "酒后互殴，有人头部流血"),
    "domestic_violence": ("称被丈夫殴打", "听到隔壁打骂声和孩子哭声"),
    "robbery": ("挎包被骑摩托车男子抢走，往东逃跑", "手机在路边被抢"),
    "knife_attack": ("有人持刀追人，已有人受伤",),
    "theft": ("电动车被盗", "店内手机被偷", "家中被撬门，现金丢失"),
    "fraud": ("接到冒充客服电话，转账两万元", "网上刷单被骗"),
    "traffic_accident": ("两车追尾，无人受伤，占用一车道", "电动车与轿车剐蹭"),
    "traffic_injury": ("电动车被撞，有人倒地", "行人被撞，意识清醒"),
    "drunk_driving": ("前方车辆行驶不稳，疑似酒驾",),
    "fire": ("居民楼冒烟，有人被困", "店铺起火，火势较大"),
    "drowning": ("河边有人落水",),
    "missing_person": ("老人走失，穿灰色外套", "六岁儿童与家长走散"),
    "suspicious_person": ("有人在车库逐个拉车门", "陌生人在楼道徘徊"),
    "crowd": ("数十人聚集讨要工资",),
    "noise": ("楼下烧烤摊噪音扰民", "深夜施工"),
    "help": ("钥匙锁在屋内，灶上有火", "老人摔倒无法起身", "询问办理证件"),
    "lost_property": ("背包遗忘在出租车上", "捡到钱包"),
    "hazmat_leak": ("槽罐车有刺鼻气味泄漏",),
    "complaint": ("反映民警态度问题",),
}
FEEDBACKS: dict[str, tuple[str, ...]] = {
    "dispute": ("双方经现场调解达成一致，已劝离。", "已登记双方信息，引导通过诉讼解决。"),
    "traffic_accident": ("已快速处理，车辆撤离，交通恢复。",),
    "traffic_injury": ("伤者已送医，现场勘查完毕，交通恢复。",),
    "theft": ("已勘查现场并调取监控，带报警人回所制作笔录。",),
    "fraud": ("已启动止付，带报警人回所制作笔录。",),
    "fire": ("配合消防处置，疏散群众，无人员伤亡。",),
    "missing_person": ("走失人员已找到，交由家属。",),
    "help": ("已帮助解决。",),
    "noise": ("已劝止，当事人承诺整改。",),
}
DEFAULT_FEEDBACK = ("到场核实并处置完毕。", "现场已控制，相关人员带所处理。", "到场未发现异常，已告知报警人。")
# Crews that see to the whole check-list; of what the others see to.
SHARE_THOROUGH = 0.6
DONE_REQUIRED, DONE_OTHER = 0.85, 0.5
SURNAMES = "王李张刘陈杨黄赵周吴徐孙胡朱高林何郭马罗"


def feedback_text(incident_type: str, random: np.random.Generator) -> str:
    """What a crew reports back."""
    return str(random.choice(FEEDBACKS.get(incident_type, DEFAULT_FEEDBACK)))


def checks_done(codes: Codes, incident_type: str, random: np.random.Generator) -> dict[str, bool]:
    """What of the check-list a crew has ticked, item by item: mostly all of it, now and then not. Empty where there is no list."""
    checklist = codes.checklist_for(incident_type)
    if checklist is None:
        return {}
    is_thorough = random.random() < SHARE_THOROUGH
    return {item.id: bool(is_thorough or random.random() < (DONE_REQUIRED if item.required else DONE_OTHER)) for item in checklist.item}


class Happenings:
    """A stream of calls for one city."""

    def __init__(self, city: City, codes: Codes, per_day: int, random: np.random.Generator) -> None:
        self._city = city
        self._random = random
        self._zone = ZoneInfo(city.time_zone)
        self._per_day = per_day
        self._kinds = [kind for kind in codes.incident_type if kind.share > 0]
        self._key_places = city.elements("key_place")["features"]
        graph = city.graph
        # Side streets of built-up areas rather than motorways: calls come from where people live and walk.
        lived_in = np.isfinite(graph.foot.time_s) & (graph.street_class >= 3) & (graph.length_m < 400)
        self._edges = np.flatnonzero(lived_in if lived_in.any() else np.isfinite(graph.car.time_s))
        self._count = 0
        # Where calls without a point really are, by source_id: a call-taker finds out by asking.
        self.hidden_places: dict[str, tuple[float, float]] = {}

    def rate_per_s(self, now_s: float) -> float:
        """Calls a second at this local hour."""
        hour = datetime.fromtimestamp(now_s, self._zone).hour
        return self._per_day * float(HOUR_WEIGHTS[hour] / HOUR_WEIGHTS.sum()) / 3600.0

    def due(self, now_s: float, elapsed_s: float) -> Iterator[dict[str, Any]]:
        """Calls that came in during the last `elapsed_s`, as messages of the native feed."""
        for _ in range(self._random.poisson(self.rate_per_s(now_s) * elapsed_s)):
            yield self.call(now_s)

    def call(self, now_s: float) -> dict[str, Any]:
        """One call."""
        hour = datetime.fromtimestamp(now_s, self._zone).hour
        weights = np.array([kind.share * _hour_factor(kind, hour) for kind in self._kinds])
        kind = self._kinds[int(self._random.choice(len(self._kinds), p=weights / weights.sum()))]
        self._count += 1
        lon, lat, address = self._somewhere()
        digits = "".join(str(d) for d in self._random.integers(0, 10, 4))
        message: dict[str, Any] = {
            "type": "incident",
            "source_id": f"demo-{int(now_s)}-{self._count}",
            "incident_type": kind.id,
            "grade": int(kind.grade),
            "text": f"{address}：{self._random.choice(TEXTS.get(kind.id, (kind.zh,)))}",
            "address": address,
            "called_at": datetime.fromtimestamp(now_s - self._random.uniform(20, 90), self._zone).isoformat(),
            # 1380000xxxx is an invented block; nobody is called.
            "caller": {"name": f"{self._random.choice(list(SURNAMES))}先生/女士", "number": f"1380000{digits}"},
        }
        if self._random.random() >= SHARE_WITHOUT_POINT:
            message |= {"lon": round(lon, 6), "lat": round(lat, 6), "accuracy_m": float(self._random.choice([5, 15, 30, 80]))}
        else:
            self.hidden_places[message["source_id"]] = (round(lon, 6), round(lat, 6))
        return message

    def _somewhere(self) -> tuple[float, float, str]:
        projection, graph = self._city.projection, self._city.graph
        if self._key_places and self._random.random() < SHARE_NEAR_KEY_PLACE:
            place = self._key_places[int(self._random.integers(len(self._key_places)))]
            lon, lat = place["geometry"]["coordinates"]
            x, y = projection.to_metres(lon, lat)
            east, north = self._random.normal(0, 120, 2)
            lon, lat = projection.to_degrees(x + east, y + north)
            return float(lon), float(lat), f"{place['properties'].get('name', '')}附近"
        edge = int(self._random.choice(self._edges))
        x, y = graph.shape(edge)
        lon, lat = projection.to_degrees(x[len(x) // 2], y[len(y) // 2])
        name = graph.names[int(graph.name_index[edge])] or "无名路"
        return float(lon), float(lat), f"{name}{int(self._random.integers(1, 400))}号"


def _hour_factor(kind: IncidentType, hour: int) -> float:
    """How likely a type is at an hour: twice the average at its peak, a third opposite it on the dial."""
    return math.exp(0.9 * math.cos((hour - kind.peak_hour) / 24 * 2 * math.pi))
