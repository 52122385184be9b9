"""What stands beside a scene video that is kept: from when to when, whether it is whole, where the crew was."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from storage.evidence import Manifest, SceneFacts


def playback_address(upload_id: str) -> str:
    """Where it can be wound; the file as it came can't."""
    return f"/video/scene/{upload_id}/playback"


def beside_recording(kept: Manifest, facts: Facts) -> list[Any]:
    """Lines for under the player; none for an upload that was not filmed live."""
    scene, words = kept.scene, facts.words
    if scene is None:
        return []
    crew = facts.callsign(kept.unit_id) if kept.unit_id is not None else kept.actor
    said = [
        crew,
        f"{facts.clock(scene.began_at)}–{facts.clock(scene.ended_at)}",
        words.duration((scene.ended_at - scene.began_at).total_seconds()),
        *_place(scene),
    ]
    lines: list[Any] = [html.P(" · ".join(said), className="camera-says")]
    if not scene.whole:
        lines.append(html.P(words("Not whole: the phone never sent the rest."), className="notice"))
    return lines


def _place(scene: SceneFacts) -> list[str]:
    return [f"{scene.places[0].lon:.5f}, {scene.places[0].lat:.5f}"] if scene.places else []
