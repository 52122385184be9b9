"""What stands beside a clip that is kept: which camera, from when to when and by whose clock, who marked it, and the file as it was cut."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from storage.evidence import ClipFacts, Manifest

EDGE_S = 1.0  # a clip that begins or ends so near to what was asked for is whole: the next picture may be as far off


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
    missing_s = _missing_s(clip)
    if missing_s:
        gaps = words.duration(missing_s)
        lines.append(html.P(words("Not whole: {gaps} without a picture.", gaps=gaps), className="notice"))
    file = html.A(words("The file as it was cut"), href=f"/uploads/{kept.upload_id}", download=kept.filename)
    lines.append(html.P([file, f" · SHA-256 {kept.sha256}"], className="camera-says checksum"))
    return lines


def _missing_s(clip: ClipFacts) -> float:
    """Of the span that was asked for: in the clip's gaps, and before and after it, where nothing, or another format, was recorded."""
    edges_s = ((clip.start_at - clip.from_at).total_seconds(), (clip.to_at - clip.end_at).total_seconds())
    return sum(clip.gaps_s) + sum(edge_s for edge_s in edges_s if edge_s > EDGE_S)
