"""Where pictures of cameras are shown: along the foot of a desk's map, or all over a wall. The client makes the tiles."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon
from operations.access.permissions import Action, is_granted


def video(page: Page) -> html.Section:
    """Hidden until there is something to show; `client/src/video/` fills it, on a desk and on a wall."""
    words = page.words
    pushes = is_granted(page.role, Action.PUSH_VIEW)
    head = html.Div(
        [
            icon("street_camera"),
            html.H2(words("Cameras")),
            html.Span(id=ids.VIDEO_COUNT, className="muted video-count"),
            html.Span(className="video-title"),
            html.Button(
                [icon("wall"), html.Span(words("Let the wall follow"))],
                id=ids.VIDEO_FOLLOW,
                title=words("The video wall shows what is open here, and goes on doing so (u)"),
                hidden=not pushes,
                **{"aria-pressed": "false"},
            ),
            html.Button(
                [icon("wall"), html.Span(words("To the wall"))],
                id=ids.VIDEO_TO_WALL,
                title=words("Show these pictures on the video wall"),
                hidden=not pushes,
            ),
            html.Button([icon("close"), html.Span(words("Close all"))], id=ids.VIDEO_CLOSE),
        ],
        className="video-head",
    )
    none = html.P(
        words(
            "No picture has been sent to this wall. A desk sends its pictures with W; a group of cameras is named in the wall's address."
        ),
        id=ids.VIDEO_NONE,
        hidden=True,
    )
    return html.Section(
        html.Div([head, html.Div(className="video-tiles"), html.Div(className="clip-tiles", hidden=True), none], className="video-dock"),
        id=ids.VIDEO,
        hidden=True,
    )
