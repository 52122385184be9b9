"""The whole page, laid out up front: every panel exists from the start and is hidden rather than absent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from dashboard import ids
from dashboard.figures.city_map import city_map, first_view
from dashboard.i18n import GRADES, KINDS, STAGES, STATUSES, STEPS, client_words
from dashboard.layouts.ask import ask
from dashboard.layouts.broadcast import broadcasts, received_broadcasts
from dashboard.layouts.catalogue import catalogue_panel
from dashboard.layouts.claim import WARNED, claim_warning
from dashboard.layouts.classify import classify
from dashboard.layouts.command_line import command_line
from dashboard.layouts.correct import correct
from dashboard.layouts.duty_circles import circles_panel
from dashboard.layouts.help import key_help
from dashboard.layouts.locate import locate
from dashboard.layouts.map import city_map_panel
from dashboard.layouts.new_incident import new_incident
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon
from dashboard.layouts.pursuit import pursuit
from dashboard.layouts.queue import queue
from dashboard.layouts.split import split
from dashboard.layouts.strip import banner, strip
from dashboard.layouts.time_bar import replay_band, time_bar
from dashboard.layouts.video import video
from dashboard.layouts.wall import wall
from dashboard.layouts.wall_kpi import wall_kpi
from dashboard.layouts.what_if import what_if, what_if_banner
from dashboard.theme import client_marks
from operations.access.permissions import Action, is_granted

if TYPE_CHECKING:
    from operations.services import Services

# What client and callbacks tell each other.
STORES = (
    ids.SELECTION,
    ids.REFRESH,
    ids.SCENE_TICK,
    ids.SCENE,
    ids.SCENE_AT,
    ids.SAID,
    ids.SHOWN,
    ids.CHOSEN,
    ids.PRESSED,
    ids.LOCATE_ASKED,
    ids.CLASSIFY_ASKED,
    ids.CORRECT_ASKED,
    ids.SPLIT_ASKED,
    ids.ALIKE_ASKED,
    ids.ALIKE,
    ids.LINE_TYPED,
    ids.LINE_OFFERED,
    ids.LINE_SENT,
    ids.LINE_ANSWERED,
)


def shell(services: Services, page: Page) -> html.Div:
    """The page for one reader. Desk and wall are the same parts; the style sheet hides the controls on a wall."""
    words = page.words
    root = services.organisations.city
    centre, zoom = first_view(page.desk.bounds, None) if page.desk else first_view(services.city.bounds, (root.lon, root.lat))
    figure = city_map(centre, zoom, page.theme, words.language)
    return html.Div(
        [
            strip(services.city, page),
            banner(page),
            what_if_banner(page),
            replay_band(page),
            html.Div(
                [
                    queue(page),
                    html.Div(
                        [
                            city_map_panel(services.city, page, figure),
                            catalogue_panel(services.catalogue, page),
                            pursuit(page),
                            what_if(page),
                            video(page),
                            _panel(page),
                            circles_panel(),
                        ],
                        id=ids.STAGE,
                    ),
                    wall_kpi(page),
                    wall(page),
                ],
                id=ids.BODY,
            ),
            time_bar(page),
            new_incident(services.codes, page),
            locate(page),
            classify(services.codes, page),
            correct(page),
            split(services.codes, page),
            ask(page),
            command_line(page),
            claim_warning(page),
            broadcasts(services.organisations, page),
            received_broadcasts(),
            key_help(page),
            html.Div(id=ids.TOAST, **{"aria-live": "polite"}),
            dcc.Store(id=ids.CONFIG, data=client_config(services, page)),
            *(dcc.Store(id=name) for name in STORES),
            dcc.Store(id=ids.PAGE, data={"lang": words.language, "desk": page.desk.code if page.desk else None}),
        ],
        id=ids.APP,
    )


def client_config(services: Services, page: Page) -> dict[str, Any]:
    """Everything the browser needs to know once: words, marks, catalogue, code tables."""
    words = page.words
    return {
        "lang": words.language,
        "desk": page.desk.code if page.desk else None,  # the organisation this page is scoped to
        "own": sorted(page.own),
        "warned": WARNED,  # commands before which one is asked where another has claimed the incident
        "pushes": is_granted(page.role, Action.PUSH),
        "pushesView": is_granted(page.role, Action.PUSH_VIEW),  # to walls
        "viewer": page.actor_name,  # laid over every picture
        "watches": is_granted(page.role, Action.WATCH_CAMERA),
        "bookmarks": is_granted(page.role, Action.BOOKMARK),
        "seesEvidence": is_granted(page.role, Action.SEE_EVIDENCE),
        "notes": is_granted(page.role, Action.NOTE),
        "circles": {"sees": is_granted(page.role, Action.SEE_DUTY_CIRCLES), "sets": is_granted(page.role, Action.SET_DUTY_CIRCLE)},
        "looks": is_granted(page.role, Action.LOOK),  # whether this desk is seen by others, and sees them
        "organisations": {one.code: words.pick(one.name, one.name_en) for one in services.organisations.all()},
        "words": client_words(words.language),
        "letters": services.places.letters,  # of the names on the map: their fonts are fetched before it is written on
        "time_zone": services.city.time_zone,
        "marks": client_marks(),
        "stages": words.table(STAGES),
        "steps": words.table(STEPS),
        "services": {one.id: words.pick(one.zh, one.en) for one in services.codes.service},
        "grades": words.table(GRADES),
        "statuses": words.table(STATUSES),
        "kinds": words.table(KINDS),
        "types": {kind.id: words.pick(kind.zh, kind.en) for kind in services.codes.incident_type},
        "catalogue": [
            {
                "id": category.id,
                "name": words.pick(category.zh, category.en),
                "elements": [
                    {"id": kind.id, "name": words.pick(kind.zh, kind.en), "key": kind.key, "on": kind.on, "source": kind.source}
                    for kind in category.elements
                ],
            }
            for category in services.catalogue.categories
        ],
    }


def _panel(page: Page) -> html.Aside:
    return html.Aside(
        [
            html.Button(icon("close"), id=ids.PANEL_CLOSE, title=page.words("Close (Esc)")),
            html.Div(id=ids.PANEL_LOOKERS, hidden=True),
            html.Div(id=ids.PANEL_SCENE_VIDEO, hidden=True),
            html.Div(id=ids.PANEL_BODY),
            html.Div(id=ids.PANEL_SCENE),
            html.Div(id=ids.PANEL_AFTER),
        ],
        id=ids.PANEL,
    )
