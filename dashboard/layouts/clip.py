"""What stands beside a clip that is kept: which camera, from when to when and by whose clock, who marked it, what is missing of it."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from operations.footage.ring_cut import GAP_S
from storage.evidence import Manifest


def beside_clip(kept: Manifest, facts: Facts) -> list[Any]:
    """Lines for under the player; none for an upload that is no clip."""
    clip, words = kept.clip, facts.words
    if clip is None:
        return []
    length_s = (clip.end_at - clip.start_at).total_seconds()
    said = [
        clip.camera_name,
        f"{facts.clock(clip.start_at)}–{facts.clock(clip.end_at)}",
        words.duration(length_s),
        words("time of the camera") if clip.time_source == "camera" else words("time of arrival"),
    ]
    marked = words("{time} marked by {name}", time=facts.clock(clip.moment_at), name=kept.actor)
    lines: list[Any] = [html.P(" · ".join(said), className="camera-says"), html.P(marked, className="camera-says")]
    if clip.gaps_s:
        gaps = words.duration(sum(clip.gaps_s))
        lines.append(html.P(words("Not whole: {gaps} without a picture.", gaps=gaps), className="notice"))
    late_s, early_s = (clip.start_at - clip.from_at).total_seconds(), (clip.to_at - clip.end_at).total_seconds()
    if late_s > GAP_S:
        lines.append(
            html.P(words("Not whole: it begins {late} later than was asked for.", late=words.duration(late_s)), className="notice")
        )
    if early_s > GAP_S:
        lines.append(
            html.P(words("Not whole: it ends {early} earlier than was asked for.", early=words.duration(early_s)), className="notice")
        )
    return lines
