"""Every component id, once."""

from __future__ import annotations

from typing import NamedTuple


class PlacePicker(NamedTuple):
    """Ids of one way to choose a place: search, click on the map, and what is chosen."""

    place: str
    pick: str
    point: str  # {"lon", "lat", "address"} or None: 待定位
    label: str
    clear: str


# shell
CONFIG = "config"  # words, catalogue, marks for the client; written once
SELECTION = "selection"  # {"kind": "incident|unit|element|point", …} or None; written by the client
REFRESH = "refresh"  # number the client raises when the selected incident changed
SCENE_TICK = "scene-tick"  # number the client raises when times by road may have aged
SCENE_AT = "scene-at"  # what tells the drawn rings from others: [lon, lat, metres of street in each], or None
SCENE = "scene"  # what the map draws of the last scene: rings, streets, cameras
TOAST = "toast"
HELP = "help"
BANNER = "banner"

# strip
CLOCK = "clock"
CONNECTION = "connection"
GRADE_COUNTS = "grade-counts"
UNIT_COUNTS = "unit-counts"
COVERAGE_OPEN = "coverage-open"
COVERAGE = "coverage"  # what the number means
GAPS_SWITCH = "gaps-switch"
FEEDS = "feeds"
LANGUAGE = "language-switch"
THEME = "theme-switch"
SOUND = "sound-switch"

# queue
QUEUE = "queue"
QUEUE_FILTER = "queue-filter"
QUEUE_COUNT = "queue-count"
QUEUE_EMPTY = "queue-empty"
QUEUE_SUPERVISED = "queue-supervised"  # how many are on the supervision list

# map
MAP = "map"
CATALOGUE = "catalogue"
MAP_NOTICE = "map-notice"

# panel on the right
PANEL = "panel"
PANEL_BODY = "panel-body"
PANEL_SCENE = "panel-scene"
PANEL_AFTER = "panel-after"
PANEL_CLOSE = "panel-close"
PANEL_LOOKERS = "panel-lookers"  # who else has the incident open
PANEL_SCENE_VIDEO = "panel-scene-video"  # what its crews send from the scene just now

# new incident
NEW_OPEN = "new-open"
NEW_DIALOG = "new-dialog"
NEW_TYPE = "new-type"
NEW_GRADE = "new-grade"
NEW_TEXT = "new-text"
NEW_PICKER = PlacePicker("new-place", "new-pick", "new-point", "new-point-label", "new-clear")
NEW_CALLER_NAME = "new-caller-name"
NEW_CALLER_NUMBER = "new-caller-number"
NEW_SUBMIT = "new-submit"
NEW_CANCEL = "new-cancel"
NEW_ERROR = "new-error"
NEW_KEY = "new-key"  # idempotency key of the form as it stands open
NEW_ALIKE = "new-alike"  # what the call may be a further call about
NEW_TYPED = "new-typed"  # number the client raises when the typing pauses
NEW_ANSWERED = "new-answered"  # press of "the same" or "not the same" beside one of them
NEW_ANSWERS = "new-answers"  # {"same": incident_id or None, "apart": [incident_id]}: what was answered so far
ALIKE_ASKED = "alike-asked"  # {"ids"}: new incidents that the client asks about
ALIKE = "alike"  # {"of", "alike": number of the likeliest other by id}

# place of an incident that is there already
LOCATE_DIALOG = "locate-dialog"
LOCATE_TITLE = "locate-title"
LOCATE_PICKER = PlacePicker("locate-place", "locate-pick", "locate-point", "locate-point-label", "locate-clear")
LOCATE_SEND = "locate-send"
LOCATE_CANCEL = "locate-cancel"
LOCATE_ERROR = "locate-error"
LOCATE_PENDING = "locate-pending"  # {"incident", "key"}
LOCATED = "located"  # {"lon", "lat"} of the incident just located: the map goes there

# type, grade and text of an incident that is there already
CORRECT_DIALOG = "correct-dialog"
CORRECT_TITLE = "correct-title"
CORRECT_STAGE = "correct-stage"
CORRECT_WAY = "correct-way"
CORRECT_TIME = "correct-time"
CORRECT_TEXT = "correct-text"
CORRECT_SEND = "correct-send"
CORRECT_CANCEL = "correct-cancel"
CORRECT_ERROR = "correct-error"
CORRECT_PENDING = "correct-pending"  # {"incident", "version", "unit", "key", "times"}
CLASSIFY_DIALOG = "classify-dialog"
CLASSIFY_TITLE = "classify-title"
CLASSIFY_TYPE = "classify-type"
CLASSIFY_GRADE = "classify-grade"
CLASSIFY_TEXT = "classify-text"
CLASSIFY_SEND = "classify-send"
CLASSIFY_CANCEL = "classify-cancel"
CLASSIFY_ERROR = "classify-error"
CLASSIFY_PENDING = "classify-pending"  # {"incident", "version", "key", "before"}

# a part of an incident as one of its own
SPLIT_DIALOG = "split-dialog"
SPLIT_TITLE = "split-title"
SPLIT_TYPE = "split-type"
SPLIT_GRADE = "split-grade"
SPLIT_TEXT = "split-text"
SPLIT_SEND = "split-send"
SPLIT_CANCEL = "split-cancel"
SPLIT_ERROR = "split-error"
SPLIT_PENDING = "split-pending"  # {"incident", "key"}

# wall
WALL = "wall"

# pictures of cameras; the client makes the tiles
VIDEO = "video"
VIDEO_COUNT = "video-count"
VIDEO_TO_WALL = "video-to-wall"
VIDEO_FOLLOW = "video-follow"
VIDEO_CLOSE = "video-close"
VIDEO_NONE = "video-none"

# what if: all of it is the client's
WHAT_IF_OPEN = "what-if-open"
WHAT_IF_BANNER = "what-if-banner"
WHAT_IF = "what-if"
WHAT_IF_CLOSE = "what-if-close"
WHAT_IF_CREW = "what-if-crew"
WHAT_IF_STREET = "what-if-street"
WHAT_IF_AFRESH = "what-if-afresh"
WHAT_IF_LIST = "what-if-list"
WHAT_IF_WHY = "what-if-why"
WHAT_IF_UNITS = "what-if-units"
WHAT_IF_ADVISE = "what-if-advise"
WHAT_IF_ADVICE = "what-if-advice"

# pursuit of somebody in flight; all of it is the client's
PURSUIT = "pursuit"
PURSUIT_SEEN = "pursuit-seen"
PURSUIT_EARLIER = "pursuit-earlier"
PURSUIT_LATER = "pursuit-later"
PURSUIT_AGAIN = "pursuit-again"
PURSUIT_PROFILE = "pursuit-profile"
PURSUIT_FACTOR = "pursuit-factor"
PURSUIT_HEADING = "pursuit-heading"
PURSUIT_SIGNS = "pursuit-signs"
PURSUIT_ASSUMED = "pursuit-assumed"
PURSUIT_LINES = "pursuit-lines"
PURSUIT_PLACES = "pursuit-places"
PURSUIT_SIGHTINGS = "pursuit-sightings"
PURSUIT_CLOSE = "pursuit-close"

# command dialog: a reason, a disposition, a note before a command is sent
ASK = "ask"
ASK_TITLE = "ask-title"
ASK_HINT = "ask-hint"
ASK_TEXT = "ask-text"
ASK_CHOICE = "ask-choice"
ASK_SEND = "ask-send"
ASK_CANCEL = "ask-cancel"
ASK_PENDING = "ask-pending"  # the command that waits for its text

# command line
LINE = "line"
LINE_FIELD = "line-field"  # the client puts the input here
LINE_NOTE = "line-note"
LINE_LIST = "line-list"
LINE_TYPED = "line-typed"  # {"text", "selected"}: told by the client when the typing pauses
LINE_OFFERED = "line-offered"  # what could stand at its end
LINE_SENT = "line-sent"  # {"text", "selected", "confirmed", "n"}
LINE_ANSWERED = "line-answered"  # what came of it

# Presses of buttons in the panel, told by the client: {"command", "incident", "unit", "n": number of the press on this page}
PRESSED = "pressed"
LOCATE_ASKED = "locate-asked"
CLASSIFY_ASKED = "classify-asked"
CORRECT_ASKED = "correct-asked"
SPLIT_ASKED = "split-asked"

# parts the client alone fills in
STRIP = "strip"
CLOCK_TIME = "clock-time"
CLOCK_DATE = "clock-date"
PUSH_WALL = "push-wall"
HELP_OPEN = "help-open"
CATALOGUE_FOLD = "catalogue-fold"
QUEUE_PANEL = "queue-panel"
MAP_PANEL = "map-panel"
RING_LEGEND = "ring-legend"
RINGS_SURE = "rings-sure"  # which rings are drawn: as usual, or what nine of ten drives reach
GAP_LEGEND = "gap-legend"
PICKING_HINT = "picking-hint"
WALL_FOLLOWED = "wall-followed"
WALL_KPI = "wall-kpi"
WALL_KPI_AGE = "wall-kpi-age"
WALL_KPI_ROWS = "wall-kpi-rows"
STAGE = "stage"
BODY = "body"
APP = "app"
SAID = "said"  # what the last command answered: shown as a passing note
PAGE = "page"  # {"id": this page, "lang": …, "wall": …, "desk": code of the organisation it is scoped to, or None}
SHOWN = "shown"  # {"incident": id, "version": n}: what the panel shows, so that a judgement names what it was made on
CHOSEN = "chosen"  # a selection the server asks the client to make: the incident just recorded
ASK_CHOICE_BOX = "ask-choice-box"

# broadcasts
BROADCAST_OPEN = "broadcast-open"
BROADCAST_UNREAD = "broadcast-unread"  # how many this desk has yet to read
BROADCAST_DIALOG = "broadcast-dialog"
BROADCAST_CLOSE = "broadcast-close"
BROADCAST_TO = "broadcast-to"
BROADCAST_WHOM = "broadcast-whom"
BROADCAST_GRADE = "broadcast-grade"
BROADCAST_TEXT = "broadcast-text"
BROADCAST_LASTS = "broadcast-lasts"
BROADCAST_ERROR = "broadcast-error"
BROADCAST_SEND = "broadcast-send"
BROADCAST_REPLACES = "broadcast-replaces"  # id of the one that the next takes the place of
BROADCASTS_SENT = "broadcasts-sent"
BROADCASTS_RECEIVED = "broadcasts-received"

# the time bar, and the band of a replay
TIME_BAR = "time-bar"
TIME_BAR_LIVE = "time-bar-live"
TIME_BAR_PREVIOUS = "time-bar-previous"
TIME_BAR_PLAY = "time-bar-play"
TIME_BAR_NEXT = "time-bar-next"
TIME_BAR_SPEED = "time-bar-speed"
TIME_BAR_LOOP = "time-bar-loop"
TIME_BAR_LINK = "time-bar-link"
TIME_BAR_TRACK = "time-bar-track"
TIME_BAR_AT_BOX = "time-bar-at-box"  # the client puts the field of a moment here
REPLAY_BAND = "replay-band"
REPLAY_TIME = "replay-time"
REPLAY_SPEED = "replay-speed"
REPLAY_NOTE = "replay-note"

# duty circles
CIRCLES_OPEN = "circles-open"
CIRCLES = "circles"
CIRCLES_BODY = "circles-body"
CIRCLE_HINT = "circle-hint"  # what the next click on the map does while a circle is drawn
CIRCLE_LEGEND = "circle-legend"

# the question before one acts on an incident that another has claimed
CLAIM_WARNING = "claim-warning"
CLAIM_WARNING_TITLE = "claim-warning-title"
CLAIM_WARNING_TEXT = "claim-warning-text"
CLAIM_WARNING_CANCEL = "claim-warning-cancel"
CLAIM_WARNING_GO = "claim-warning-go"
