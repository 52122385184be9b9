"""Every route, declared: what it takes, what it is about, and a request that would be granted. The walk fails when one is missing.

In paths `{incident}`, `{unit}` … stand for what is known at WEST, `{who}` for the asker. `about` names what the answer depends on beside
the role; `otherwise` is the status where the role would do but the asker stands elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from operations.access.permissions import Action as A
from tests.access.expected import EVERYBODY, PUBLIC
from tests.access.world import metadata
from tests.cities import WEST, degrees

LON, LAT = degrees(500, 500)
AT = f"lon={LON}&lat={LAT}"
DIVIDED = "from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z&at=2020-01-15T00:00:00Z"
TRACK_SPAN = "from=2026-05-01T00:00:00Z&to=2026-05-01T01:00:00Z"
TUS = (("tus-resumable", "1.0.0"),)
PIECE = (*TUS, ("upload-offset", "0"), ("content-type", "application/offset+octet-stream"))


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    takes: str
    url: str
    about: str = ""
    good: frozenset[int] = frozenset({200})
    otherwise: int = 404
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    variant: str = ""  # where one route is asked for several things


def api(takes: str, url: str, about: str = "", good: tuple[int, ...] = (200,), body: Any = None, **more: Any) -> Route:
    return Route(takes, f"/api/v1{url}", about, frozenset(good), body=body, **more)


INCIDENT = {"incident_type": "theft", "grade": 3, "text": "x", "lon": LON, "lat": LAT}
UNIT = {
    "callsign": "CAR-WEST",
    "kind": "patrol_car",
    "org_code": WEST,
    "members": ["badge-022117"],
    "trackers": ["tracker-west"],
    "radio_group": "radio-west",
}
WEBHOOK = {"url": "http://127.0.0.1:9/", "events": ["incident_closed"]}
BROADCAST = {"org_code": WEST, "text": "x"}
ELEMENT = {"lon": LON, "lat": LAT, "properties": {"name": "x"}}
SHIFT = {"name": "x", "starts_at": "2026-06-01T00:00:00Z", "ends_at": "2026-06-01T08:00:00Z"}
SIGNATURE = {"side": "outgoing", "name": "x", "revision": 1}
CORNERS = [degrees(500, 500), degrees(600, 500), degrees(600, 600), degrees(500, 500)]
TIER = {"minutes": 1, "area": {"type": "Polygon", "coordinates": [CORNERS]}, "forces": [{"org_code": WEST, "kind": "patrol_car"}]}
CIRCLE = {"name": "x", "org_code": WEST, "lon": LON, "lat": LAT, "tiers": [TIER]}
MUSTER = {"org_code": WEST, "text": "x", "until": "2026-05-01T12:00:00Z"}
CAMERA = {"lon": LON, "lat": LAT, "url": "rtsp://u:p@10.0.0.9/x", "control_url": "http://u:p@10.0.0.9/onvif"}
NEW_UPLOAD = (*TUS, ("upload-length", "20"))


def _things(method: str, path: str, takes: str, names: tuple[str, ...], suffix: str = "") -> dict[tuple[str, str, str], Route]:
    """One route asked for several things: what is seen of it depends on the thing."""
    return {(method, path, name): api(takes, f"/{path.split('/')[3]}/{{{name}}}{suffix}", name, variant=name) for name in names}


def _uploads(prefix: str) -> dict[tuple[str, str, str], Route]:
    """Resumable uploads: opened by who may add one, gone on with by who opened it, read by who may see evidence."""
    one, path = f"{prefix}/uploads/{{upload_id}}", f"{prefix}/uploads"
    mine = f"{path}/{{own_upload}}"
    done = frozenset({200, 204})
    override = (*PIECE[:1], ("upload-offset", "2"), PIECE[2], ("x-http-method-override", "PATCH"))
    return {
        ("OPTIONS", path, ""): Route(EVERYBODY, path, good=frozenset({204})),
        ("OPTIONS", one, ""): Route(EVERYBODY, f"{path}/{{upload}}", good=frozenset({204})),
        ("POST", path, ""): Route(A.ADD_UPLOAD, path, "new upload", frozenset({201}), headers=NEW_UPLOAD),
        ("HEAD", one, ""): Route(A.ADD_UPLOAD, mine, "own upload", done, headers=TUS),
        ("PATCH", one, ""): Route(A.ADD_UPLOAD, mine, "own upload", done, headers=PIECE, body=b"\xff\xd8"),
        ("POST", one, ""): Route(A.ADD_UPLOAD, mine, "own upload", done, headers=override, body=b"\xff\xe0"),
        ("DELETE", one, ""): Route(A.ADD_UPLOAD, mine, "own upload", done, headers=TUS),
        ("GET", one, ""): Route(A.SEE_EVIDENCE, f"{path}/{{upload}}", "upload"),
        ("GET", f"{one}/copy", ""): Route(A.SEE_EVIDENCE, f"{path}/{{upload}}/copy", "upload", frozenset({422})),  # a photo
        ("GET", f"{one}/original", ""): Route(A.EXPORT, f"{path}/{{upload}}/original", "upload"),
    }


_ONE = "/api/v1/incidents/{incident_id}"
_TERMINAL = (
    "terminal.css",
    "terminal.js",
    "sw.js",
    "icon.svg",
    "icon-192.png",
    "icon-512.png",
    "icon-full-512.png",
    "manifest.webmanifest",
)

# (method, path as registered, variant) → the route.
ROUTES: dict[tuple[str, str, str], Route] = {
    # Pages and their files
    ("GET", "/login", ""): Route(PUBLIC, "/login"),
    ("POST", "/login", ""): Route(PUBLIC, "/login", good=frozenset({401})),  # without a password nobody comes in
    ("GET", "/login/oidc", ""): Route(PUBLIC, "/login/oidc", good=frozenset({303})),
    ("GET", "/login/oidc/return", ""): Route(PUBLIC, "/login/oidc/return", good=frozenset({401})),  # nobody comes in without its word
    ("POST", "/logout", ""): Route(PUBLIC, "/logout", good=frozenset({303})),
    ("GET", "/", ""): Route(A.SEE_PICTURE, "/"),
    ("GET", "/", "replay"): Route(A.SEE_PICTURE, "/replay", variant="/replay"),
    ("GET", "{path:path}", ""): Route(A.SEE_PICTURE, "/wall?screen=all", variant="/wall"),
    ("GET", "/", "station"): Route(A.SEE_PICTURE, f"/station/{WEST}", "desk of WEST", otherwise=403, variant="/station/{code}"),
    ("GET", "/admin", ""): Route(A.SEE_HEALTH, "/admin"),
    ("GET", "/account", ""): Route(A.OWN_SESSIONS, "/account", "own account", otherwise=403),
    ("GET", "/account", "other"): Route(A.MANAGE_ACCOUNTS, "/account?account=wall-west", "account", variant="another's"),
    ("POST", "/account/sessions/end", ""): Route(
        A.OWN_SESSIONS, "/account/sessions/end", "own account", frozenset({404}), 403, b"session_id=none"
    ),
    ("POST", "/account/sessions/end-all", ""): Route(
        A.OWN_SESSIONS, "/account/sessions/end-all", "own account", frozenset({303}), 403, b"account="
    ),
    ("POST", "/login/code", ""): Route(PUBLIC, "/login/code", good=frozenset({401})),  # without a ticket nobody comes in
    ("POST", "/account/second-factor", ""): Route(A.OWN_SESSIONS, "/account/second-factor", "own account", frozenset({303}), 403),
    ("POST", "/account/second-factor/confirm", ""): Route(
        A.OWN_SESSIONS, "/account/second-factor/confirm", "own account", frozenset({422}), 403, b"code=000000"
    ),
    ("GET", "/duty", ""): Route(A.SEE_PICTURE, f"/duty?org={WEST}", "duty at WEST", otherwise=403),
    # A form that is refused shows its page again, with why (422): these are refused to everyone who sees the page.
    ("POST", "/duty", ""): Route(
        A.SEE_PICTURE, "/duty", "duty at WEST", frozenset({422}), 403, f"org={WEST}&do=answer&muster=none&unit=idle-west".encode()
    ),
    ("GET", "/handover/{org}", ""): Route(A.SEE_PICTURE, f"/handover/{WEST}?shift=early", "duty at WEST", otherwise=403),
    ("POST", "/handover/{org}", ""): Route(
        A.SEE_PICTURE, f"/handover/{WEST}", "duty at WEST", frozenset({422}), 403, b"shift=early&side=nobody&name=&revision=1"
    ),
    ("GET", "/kpi", ""): Route(A.SEE_KPIS, f"/kpi?org={WEST}", "desk of WEST", otherwise=403),
    ("GET", "/kpi/incidents", ""): Route(A.SEE_KPIS, f"/kpi/incidents?org={WEST}&figure=push&of=all", "desk of WEST", otherwise=403),
    ("GET", "/kpi.xlsx", ""): Route(A.SEE_KPIS, f"/kpi.xlsx?org={WEST}", "desk of WEST", otherwise=403),
    ("GET", "/calibration", ""): Route(A.SEE_CALIBRATION, f"/calibration?org={WEST}", "desk of WEST", otherwise=403),
    ("GET", "/tracks", ""): Route(A.SEE_TRACKS, "/tracks"),
    ("GET", "/tracks", "unit"): Route(
        A.SEE_TRACKS, f"/tracks?unit={{track}}&{TRACK_SPAN}", "track", frozenset({200}), 422, variant="of a crew"
    ),
    # Who may set one is told that this one needs a reason.
    ("POST", "/tracks/holds", ""): Route(A.HOLD_TRACKS, "/tracks/holds", good=frozenset({422}), body=b"reason="),
    **{
        ("GET", f"/review/{{incident_id}}{file}", name): Route(takes, f"/review/{{{name}}}{file}", name, variant=name)
        for file, takes in (("", A.SEE_AFTER_ACTION), ("/report.html", A.EXPORT), ("/data.xlsx", A.EXPORT))
        for name in ("incident", "complaint")
    },
    # A form that is none is refused to everyone who sees the page.
    ("POST", "/review/{incident_id}", ""): Route(
        A.SEE_AFTER_ACTION, "/review/{incident}", "incident", frozenset({422}), body=b"do=nothing"
    ),
    ("GET", "/circle/{circle_id}", ""): Route(A.SEE_DUTY_CIRCLES, "/circle/{circle}", "circle"),
    ("GET", "/style.json", ""): Route(A.SEE_PICTURE, "/style.json?theme=dark"),
    ("GET", "/tiles/{z}/{x}/{y}.pbf", ""): Route(A.SEE_PICTURE, "/tiles/12/3431/1690.pbf", good=frozenset({200, 204})),
    ("GET", "/assets", ""): Route(PUBLIC, "/assets/favicon.svg"),
    ("GET", "/terminal", ""): Route(PUBLIC, "/terminal"),
    **{("GET", f"/terminal/{name}", ""): Route(PUBLIC, f"/terminal/{name}") for name in _TERMINAL},
    ("GET", "/_dash-component-suites/{package_name}/{fingerprinted_path:path}", ""): Route(EVERYBODY, "{dash_file}"),
    ("GET", "/_dash-layout", ""): Route(A.SEE_PICTURE, "/_dash-layout"),
    ("GET", "/_dash-dependencies", ""): Route(A.SEE_PICTURE, "/_dash-dependencies"),
    ("GET", "/_reload-hash", ""): Route(A.SEE_PICTURE, "/_reload-hash"),
    ("GET", "/_favicon.ico", ""): Route(PUBLIC, "/_favicon.ico"),
    # API
    ("GET", "/api/docs", ""): Route(PUBLIC, "/api/docs"),
    ("GET", "/api/docs/docs.css", ""): Route(PUBLIC, "/api/docs/docs.css"),
    ("GET", "/api/docs/docs.js", ""): Route(PUBLIC, "/api/docs/docs.js"),
    ("GET", "/api/v1/openapi.json", ""): api(PUBLIC, "/openapi.json"),
    ("GET", "/api/v1/health", ""): api(PUBLIC, "/health"),
    ("GET", "/api/v1/ready", ""): api(A.SEE_HEALTH, "/ready"),
    ("GET", "/api/v1/me", ""): api(EVERYBODY, "/me"),
    ("GET", "/api/v1/sessions", ""): api(A.OWN_SESSIONS, "/sessions", "own account", otherwise=403),
    ("GET", "/api/v1/sessions", "other"): api(A.MANAGE_ACCOUNTS, "/sessions?account=wall-west", "account", variant="another's"),
    ("DELETE", "/api/v1/sessions", ""): api(A.OWN_SESSIONS, "/sessions", "own account", otherwise=403),
    # There is none of that name: who may end a session of its own hears that.
    ("DELETE", "/api/v1/sessions/{session_id}", ""): api(A.OWN_SESSIONS, "/sessions/none", "own account", (404,), otherwise=403),
    ("GET", "/api/v1/organisations", ""): api(A.SEE_PLACES, "/organisations"),
    ("GET", "/api/v1/codes", ""): api(A.SEE_PLACES, "/codes"),
    ("GET", "/api/v1/metrics", ""): api(A.SEE_METRICS, "/metrics"),
    ("GET", "/metrics", ""): Route(A.SEE_METRICS, "/metrics"),
    ("GET", "/api/v1/picture", ""): api(A.SEE_PICTURE, "/picture"),
    ("GET", "/api/v1/picture", "past"): api(A.SEE_HISTORY, "/picture?at={now}", variant="?at="),
    ("GET", "/api/v1/history/extent", ""): api(A.SEE_HISTORY, "/history/extent"),
    ("GET", "/api/v1/history/density", ""): api(
        A.SEE_HISTORY, "/history/density?from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z&bins=10"
    ),
    ("GET", "/api/v1/history/density", "station"): api(
        A.SEE_HISTORY,
        f"/history/density?from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z&bins=10&scope={WEST}",
        "desk of WEST",
        otherwise=403,
        variant="one station's",
    ),
    ("GET", "/api/v1/tracks/state", ""): api(A.SEE_TRACKS, "/tracks/state?at={now}"),
    ("GET", "/api/v1/tracks/holds", ""): api(A.HOLD_TRACKS, "/tracks/holds"),
    ("POST", "/api/v1/tracks/holds", ""): api(
        A.HOLD_TRACKS, "/tracks/holds", "incident", (201,), {"incident_id": "{incident}", "reason": "x"}
    ),
    ("POST", "/api/v1/tracks/holds/{hold_id}/release", ""): api(A.HOLD_TRACKS, "/tracks/holds/none/release", good=(404,)),
    ("GET", "/api/v1/tracks/near", ""): api(A.SEE_TRACKS, f"/tracks/near?{AT}&{TRACK_SPAN}"),
    ("GET", "/api/v1/tracks/path", ""): api(A.SEE_TRACKS, f"/tracks/path?unit_id={{track}}&{TRACK_SPAN}", "track", variant="a marked crew"),
    ("GET", "/api/v1/tracks/path", "plain"): api(
        A.SEE_TRACKS, f"/tracks/path?unit_id={{plain_track}}&{TRACK_SPAN}", "plain_track", variant="a plain-clothes crew"
    ),
    ("GET", "/api/v1/changes", ""): api(A.SEE_HISTORY, "/changes?since=0&limit=1000"),
    ("POST", "/api/v1/incidents", ""): api(A.RECEIVE, "/incidents", "place in WEST", (200, 201), INCIDENT, otherwise=403),
    ("GET", "/api/v1/incidents", ""): api(A.SEE_PICTURE, "/incidents?limit=500"),
    **_things("GET", _ONE, A.SEE_PICTURE, ("incident", "complaint", "far")),
    **_things("GET", _ONE + "/timeline", A.SEE_HISTORY, ("incident", "complaint", "far"), "/timeline"),
    **_things("GET", _ONE + "/scene", A.SEE_SCENE, ("incident", "complaint"), "/scene"),
    **_things("GET", _ONE + "/review", A.SEE_AFTER_ACTION, ("incident", "complaint"), "/review"),
    **_things("GET", _ONE + "/scene-video", A.SEE_EVIDENCE, ("incident", "complaint"), "/scene-video"),
    **_things("GET", _ONE + "/clips", A.SEE_EVIDENCE, ("incident", "complaint"), "/clips"),
    # A moment of tomorrow is not marked (422): whoever may not mark one is told that before.
    ("POST", _ONE + "/clips", ""): api(
        A.BOOKMARK, "/incidents/{incident}/clips", "incident", (422,), {"camera_id": "cam-west", "at": "2100-01-01T00:00:00Z"}
    ),
    ("GET", "/video/scene/{recording_id}/playback", ""): Route(A.SEE_EVIDENCE, "/video/scene/{recording}/playback", "incident"),
    ("GET", "/api/v1/rings", ""): api(A.SEE_SCENE, f"/rings?{AT}&minutes=1"),
    ("GET", "/api/v1/pursuit", ""): api(A.SEE_SCENE, f"/pursuit?{AT}&seen_at={{now}}"),
    ("GET", "/api/v1/pursuit", "incident"): api(
        A.SEE_SCENE, f"/pursuit?{AT}&seen_at={{now}}&incident_id={{incident}}", "incident", variant="of an incident"
    ),
    ("GET", "/api/v1/pursuit", "complaint"): api(
        A.SEE_SCENE, f"/pursuit?{AT}&seen_at={{now}}&incident_id={{complaint}}", "complaint", variant="of a complaint"
    ),
    ("POST", "/api/v1/what-if/coverage", ""): api(
        A.SEE_SCENE, "/what-if/coverage", "unit", body={"moves": [{"unit_id": "{unit}", "lon": LON, "lat": LAT}]}
    ),
    ("POST", "/api/v1/what-if/coverage", "plain"): api(
        A.SEE_SCENE,
        "/what-if/coverage",
        "plain",
        body={"moves": [{"unit_id": "{plain}", "lon": LON, "lat": LAT}]},
        variant="a plain-clothes crew",
    ),
    ("POST", "/api/v1/what-if/coverage", "desk"): api(
        A.SEE_SCENE, "/what-if/coverage", "desk of WEST", body={"scope": WEST}, otherwise=403, variant="scope"
    ),
    ("POST", "/api/v1/what-if/standby", ""): api(A.SEE_SCENE, "/what-if/standby", body={"units": 1}),
    ("GET", "/api/v1/nearest", ""): api(A.SEE_SCENE, f"/nearest?{AT}&k=50"),
    ("GET", "/api/v1/eta", ""): api(A.SEE_SCENE, f"/eta?from_lon={LON}&from_lat={LAT}&to_lon={LON}&to_lat={LAT}"),
    ("GET", "/api/v1/streets/speeds", ""): api(A.SEE_SCENE, f"/streets/speeds?lon={LON}&lat={LAT}"),
    ("GET", "/api/v1/coverage", ""): api(A.SEE_SCENE, "/coverage?minutes=3"),
    ("GET", "/api/v1/coverage", "station"): api(
        A.SEE_SCENE, f"/coverage?minutes=3&gaps=0&scope={WEST}", "desk of WEST", otherwise=403, variant="one station's"
    ),
    ("GET", "/api/v1/scene", ""): api(A.SEE_SCENE, f"/scene?{AT}"),
    ("GET", "/api/v1/places", ""): api(A.SEE_PLACES, "/places?q=x"),
    ("GET", "/api/v1/units", ""): api(A.SEE_PICTURE, "/units"),
    **_things("GET", "/api/v1/units/{unit_id}", A.SEE_PICTURE, ("unit", "plain")),
    ("PUT", "/api/v1/units/{unit_id}", ""): api(A.REGISTER_UNIT, "/units/{unit}", "unit's organisation", (200, 201), UNIT, otherwise=403),
    ("PUT", "/api/v1/units/{unit_id}/status", ""): api(
        A.SET_UNIT_STATUS, "/units/{own_unit}/status", "own unit's status", (200, 422), {"status": "available"}, variant="own"
    ),
    ("PUT", "/api/v1/units/{unit_id}/status", "other"): api(
        A.SET_UNIT_STATUS, "/units/{idle}/status", "unit's status", body={"status": "available"}, variant="another"
    ),
    ("POST", "/api/v1/units/{unit_id}/commands", ""): api(
        A.SIGN_ON, "/units/{own_unit}/commands", "own unit's status", (200, 422), {"command": "sign_on"}, variant="own"
    ),
    ("POST", "/api/v1/units/{unit_id}/commands", "other"): api(
        A.SIGN_ON, "/units/{idle}/commands", "unit's status", (200, 422), {"command": "sign_on"}, variant="another"
    ),
    # Duty. Names of people: for the desks of the scope, never for a wall.
    ("GET", "/api/v1/shifts", ""): api(A.SEE_PICTURE, f"/shifts?org={WEST}", "duty at WEST", otherwise=403),
    ("GET", "/api/v1/rosters", ""): api(A.SEE_PICTURE, f"/rosters?org={WEST}", "duty at WEST", otherwise=403),
    ("GET", "/api/v1/musters", ""): api(A.SEE_PICTURE, f"/musters?org={WEST}", "duty at WEST", otherwise=403),
    ("PUT", "/api/v1/shifts/{org_code}/{shift_id}", ""): api(
        A.PLAN_SHIFT, f"/shifts/{WEST}/{{who}}", "desk of WEST", body=SHIFT, otherwise=403
    ),
    # Who may sign and not plan finds no shift of that name.
    ("POST", "/api/v1/shifts/{org_code}/{shift_id}/signatures", ""): api(
        A.SIGN_SHIFT_HANDOVER, f"/shifts/{WEST}/{{who}}/signatures", "desk of WEST", (200, 404, 422), SIGNATURE, otherwise=403
    ),
    ("DELETE", "/api/v1/shifts/{org_code}/{shift_id}", ""): api(
        A.CANCEL_SHIFT, f"/shifts/{WEST}/{{who}}", "desk of WEST", (204,), otherwise=403
    ),
    ("POST", "/api/v1/musters", ""): api(A.MUSTER_RESERVES, "/musters", "desk of WEST", (201, 422), MUSTER, otherwise=403),
    # There is none of that name: who may speak for the crew, or end one, hears that.
    ("POST", "/api/v1/musters/{muster_id}/answers", ""): api(
        A.ANSWER_MUSTER, "/musters/none/answers", "unit's status", (404,), {"unit_id": "{idle}", "coming": True}
    ),
    ("POST", "/api/v1/musters/{muster_id}/end", ""): api(A.END_MUSTER, "/musters/none/end", "", (404,), {}),
    ("GET", "/api/v1/elements", ""): api(A.SEE_ELEMENTS, "/elements"),
    ("GET", "/api/v1/elements/{element}", ""): api(A.SEE_ELEMENTS, "/elements/street_camera"),
    ("GET", "/api/v1/elements/{element}", "units"): api(A.SEE_ELEMENTS, "/elements/patrol_car", variant="patrol_car"),
    ("GET", "/api/v1/elements/{element}", "scene video"): api(A.SEE_ELEMENTS, "/elements/scene_video", variant="scene_video"),
    ("GET", "/api/v1/elements/{element}", "incidents"): api(A.SEE_ELEMENTS, "/elements/incident", variant="incident"),
    ("PUT", "/api/v1/elements/{element}/{element_id}", ""): api(A.WRITE_ELEMENT, "/elements/duty_post/{who}", body=ELEMENT),
    ("GET", "/api/v1/cameras", ""): api(A.SEE_ELEMENTS, f"/cameras?org={WEST}"),
    ("GET", "/api/v1/cameras/{camera_id}", ""): api(A.SEE_ELEMENTS, "/cameras/cam-west"),
    ("PUT", "/api/v1/cameras/{camera_id}", ""): api(A.REGISTER_CAMERA, "/cameras/{who}", "desk of WEST", body=CAMERA, otherwise=403),
    ("DELETE", "/api/v1/cameras/{camera_id}", ""): api(A.REGISTER_CAMERA, "/cameras/{who}", "desk of WEST", (204,)),
    # The camera of WEST stands still (422): whoever may not turn it is told that before.
    ("GET", "/api/v1/cameras/{camera_id}/ptz", ""): api(A.SEE_ELEMENTS, "/cameras/cam-west/ptz"),
    ("POST", "/api/v1/cameras/{camera_id}/ptz", ""): api(
        A.OPERATE_CAMERA, "/cameras/cam-west/ptz", "desk of WEST", (422,), {"do": "move", "pan": 1}, otherwise=403
    ),
    ("GET", "/api/v1/cameras/{camera_id}/direction", ""): api(A.WATCH_CAMERA, "/cameras/cam-west/direction"),
    ("GET", "/api/v1/cameras/{camera_id}/presets", ""): api(
        A.OPERATE_CAMERA, "/cameras/cam-west/presets", "desk of WEST", (422,), otherwise=403
    ),
    ("POST", "/api/v1/cameras/{camera_id}/presets", ""): api(
        A.SAVE_PRESET, "/cameras/cam-west/presets", "desk of WEST", (422,), {"name": "x"}, otherwise=403
    ),
    # A granted stream says nothing of where it comes from. There is no still of a camera that there is not.
    ("POST", "/api/v1/cameras/{camera_id}/streams", ""): api(
        A.WATCH_CAMERA, "/cameras/cam-west/streams", good=(201, 503), body={"quality": "sub"}
    ),
    # Nothing was recorded of it, and a span that nobody opened is not there.
    ("POST", "/api/v1/cameras/{camera_id}/recorded", ""): api(
        A.WATCH_CAMERA, "/cameras/cam-west/recorded", good=(503,), body={"at": "2026-01-01T00:00:00Z"}
    ),
    ("GET", "/video/{camera_id}/recorded", ""): Route(A.WATCH_CAMERA, "/video/cam-west/recorded?token=none", good=frozenset({410})),
    ("GET", "/api/v1/cameras/{camera_id}/snapshot", ""): api(A.WATCH_CAMERA, "/cameras/none/snapshot", good=(404,)),
    ("GET", "/api/v1/broadcasts", ""): api(A.READ_BROADCAST, "/broadcasts"),
    ("POST", "/api/v1/broadcasts", ""): api(A.BROADCAST, "/broadcasts", "desk of WEST", (201,), BROADCAST, otherwise=403),
    ("POST", "/api/v1/broadcasts/{broadcast_id}/recall", ""): api(
        A.RECALL_BROADCAST, "/broadcasts/{own_broadcast}/recall", "own_broadcast"
    ),
    ("POST", "/api/v1/broadcasts/{broadcast_id}/receipts", ""): api(
        A.READ_BROADCAST, "/broadcasts/{broadcast}/receipts", "receipt of WEST", (204,), {"recipient": WEST, "read": True}, otherwise=403
    ),
    ("GET", "/api/v1/kpis", ""): api(A.SEE_KPIS, f"/kpis?org={WEST}", "desk of WEST", otherwise=403),
    ("GET", "/api/v1/kpis/compare", ""): api(A.SEE_KPIS, f"/kpis/compare?org={WEST}&{DIVIDED}", "desk of WEST", otherwise=403),
    ("GET", "/api/v1/kpis/incidents", ""): api(
        A.SEE_KPIS, f"/kpis/incidents?org={WEST}&stage=arrive&of=all", "desk of WEST", otherwise=403
    ),
    ("GET", "/api/v1/calibration", ""): api(A.SEE_CALIBRATION, f"/calibration?org={WEST}", "desk of WEST", otherwise=403),
    ("GET", "/api/v1/duty-circles", ""): api(A.SEE_DUTY_CIRCLES, "/duty-circles"),
    ("GET", "/api/v1/camera-groups", ""): api(A.SEE_ELEMENTS, "/camera-groups?group=list:cam-west"),
    ("GET", "/api/v1/camera-groups", "circle"): api(
        A.SEE_DUTY_CIRCLES, "/camera-groups?group=circle:{circle}", "circle", variant="of a duty circle"
    ),
    ("GET", "/api/v1/duty-circle-draft", ""): api(A.SET_DUTY_CIRCLE, f"/duty-circle-draft?{AT}&minutes=1"),
    ("GET", "/api/v1/duty-circles/{circle_id}", ""): api(A.SEE_DUTY_CIRCLES, "/duty-circles/{circle}", "circle"),
    ("GET", "/api/v1/duty-circles/{circle_id}/drill", ""): api(A.SEE_DUTY_CIRCLES, "/duty-circles/{circle}/drill", "circle"),
    ("PUT", "/api/v1/duty-circles/{circle_id}", ""): api(
        A.SET_DUTY_CIRCLE, "/duty-circles/{who}", "desk of WEST", body=CIRCLE, otherwise=403
    ),
    ("DELETE", "/api/v1/duty-circles/{circle_id}", ""): api(
        A.WITHDRAW_DUTY_CIRCLE, "/duty-circles/{who}?text=x", "desk of WEST", (204,), otherwise=404
    ),
    ("GET", "/api/v1/webhooks", ""): api(A.MANAGE_WEBHOOKS, "/webhooks"),
    ("POST", "/api/v1/webhooks", ""): api(A.MANAGE_WEBHOOKS, "/webhooks", good=(201,), body=WEBHOOK),
    ("GET", "/api/v1/webhooks/{webhook_id}/deliveries", ""): api(A.MANAGE_WEBHOOKS, "/webhooks/{webhook}/deliveries", "webhook"),
    ("POST", "/api/v1/webhooks/{webhook_id}/redeliver", ""): api(A.MANAGE_WEBHOOKS, "/webhooks/{webhook}/redeliver", "webhook", body={}),
    ("DELETE", "/api/v1/webhooks/{webhook_id}", ""): api(A.MANAGE_WEBHOOKS, "/webhooks/{own_webhook}", "webhook", (204,)),
    **_uploads(""),
    **_uploads("/api/v1"),
}
# Walked one command, and one conversation, at a time.
WALKED_APART = {
    ("POST", "/api/v1/incidents/{incident_id}/commands"): "commands",
    ("POST", "/_dash-update-component"): "conversations",
}


def upload_metadata(incident_id: str) -> tuple[str, str]:
    return ("upload-metadata", metadata(incident_id=incident_id, filename="x.jpg", filetype="image/jpeg"))
