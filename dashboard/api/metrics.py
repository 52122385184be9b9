"""`/metrics` in the Prometheus text format: read from the running system at each scrape, nothing counted twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from dashboard.edge import actor_of
from operations.access.authority import Action

if TYPE_CHECKING:
    from operations.services import Services


class SystemCollector(Collector):
    """Gauges and counters of one node."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        yield from self._picture()
        yield from self._feeds()
        yield from self._video()
        yield from self._cameras()
        too_many = CounterMetricFamily("liandong_too_many_requests", "Requests refused for their rate", labels=["limit"])
        for limit, count in self._services.health.too_many.items():
            too_many.add_metric([limit], count)
        yield too_many
        mismatched = self._services.evidence.mismatched
        yield CounterMetricFamily("liandong_uploads_mismatched", "Files kept apart: not what they were announced as", mismatched)
        videos = self._services.scene_video
        yield GaugeMetricFamily("liandong_scene_video_under_way", "Recordings of crews that are not complete", len(videos.under_way))
        yield CounterMetricFamily("liandong_scene_video_torn", "Recordings whose end a crash had torn, since the start", videos.torn)

    def _video(self) -> Iterable[Metric]:
        state = self._services.video.state()
        yield GaugeMetricFamily("liandong_video_viewers", "Viewers of cameras just now", state["watching"])
        yield CounterMetricFamily("liandong_video_opened", "Streams of cameras granted since the start", state["opened"])
        refused = CounterMetricFamily("liandong_video_refused", "Streams and stills refused since the start", labels=["reason"])
        for reason, count in state.get("refused", {}).items():
            refused.add_metric([reason], count)
        gauges = {
            name: GaugeMetricFamily(f"liandong_video_process_{name}", text, labels=["process"])
            for name, text in (
                ("streams", "Cameras' streams that a video process pulls"),
                ("cpu_share", "Share of a core that a video process uses"),
                ("restarts", "How often a video process was started again"),
            )
        }
        for process in state.get("processes", []):
            for name, gauge in gauges.items():
                if name in process:
                    gauge.add_metric([str(process["process"])], process[name])
        yield from (refused, *gauges.values())

    def _picture(self) -> Iterable[Metric]:
        picture = self._services.handler.picture
        yield GaugeMetricFamily("liandong_revision", "Number of the newest journal event", picture.revision)
        incidents = GaugeMetricFamily("liandong_open_incidents", "Open incidents", labels=["stage"])
        by_stage: dict[str, int] = {}
        for incident in picture.open_incidents():
            by_stage[incident.stage] = by_stage.get(incident.stage, 0) + 1
        for stage, count in sorted(by_stage.items()):
            incidents.add_metric([stage], count)
        yield incidents
        units = GaugeMetricFamily("liandong_units", "Units by status", labels=["status"])
        by_status: dict[str, int] = {}
        for unit in picture.units.values():
            by_status[unit.status] = by_status.get(unit.status, 0) + 1
        for status, count in sorted(by_status.items()):
            units.add_metric([status], count)
        yield units

    def _cameras(self) -> Iterable[Metric]:
        counts = self._services.cameras.counts()
        yield GaugeMetricFamily("liandong_cameras_registered", "Cameras in the register", counts["registered"])
        yield GaugeMetricFamily("liandong_cameras_watched", "Cameras that somebody watches now", counts["watched_now"])
        states = GaugeMetricFamily("liandong_cameras", "Cameras with an address by how they do", labels=["state"])
        for state in ("ok", "failing", "untried"):
            states.add_metric([state], counts[state])
        yield states

    def _feeds(self) -> Iterable[Metric]:
        snapshot = self._services.health.snapshot()
        age = GaugeMetricFamily("liandong_feed_age_seconds", "Since the feed was last heard", labels=["feed"])
        accepted = CounterMetricFamily("liandong_feed_accepted", "Reports taken since the start", labels=["feed"])
        rejected = CounterMetricFamily("liandong_feed_rejected", "Reports refused since the start", labels=["feed", "reason"])
        for name, feed in snapshot["feeds"].items():
            if feed["age_s"] is not None:
                age.add_metric([name], feed["age_s"])
            accepted.add_metric([name], feed["accepted"])
            for reason, count in feed["rejected"].items():
                rejected.add_metric([name, reason], count)
        yield from (age, accepted, rejected)
        if snapshot["loop_lag_p99_ms"] is not None:
            lag_s = snapshot["loop_lag_p99_ms"] / 1000.0
            yield GaugeMetricFamily("liandong_loop_lag_p99_seconds", "How late the event loop woke, last minute", lag_s)


def router(services: Services) -> APIRouter:
    """`/metrics`, mounted at the root and below /api/v1."""
    routes = APIRouter(tags=["system"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SystemCollector(services))

    @routes.get(
        "/metrics",
        responses={200: {"description": "Prometheus text", "content": {CONTENT_TYPE_LATEST: {"example": "liandong_revision 20417"}}}},
    )
    async def metrics(request: Request) -> Response:
        """Figures for Prometheus: revision, incidents, units, feeds, loop lag."""
        services.authority.authorise(actor_of(request), Action.SEE_METRICS)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
