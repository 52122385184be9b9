"""Who may do what: one table, roles by actions. What is not in it is denied.

The table says what a role may do at all; `operations.access.authority` says where (scope) and to whom (who sees what).
`docs/security.md` shows this table and a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account or token is for."""

    VIEWER = "viewer"
    OFFICER = "officer"
    CALL_TAKER = "call_taker"  # 接警员
    OPERATOR = "operator"  # 调度员
    COMMANDER = "commander"  # 指挥长
    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"  # 督察
    FEED = "feed"
    ADMIN = "admin"


ROLES = tuple(Role)


class Action(StrEnum):
    """What can be asked of the system. Commands carry the name they have in the API."""

    # Reading
    SEE_PICTURE = "see_picture"  # units, incidents and their content, live
    SEE_HISTORY = "see_history"  # timelines, journal, pictures of the past
    SEE_SCENE = "see_scene"  # rings, nearest, travel times, the one-click answer
    SEE_PLACES = "see_places"
    SEE_ELEMENTS = "see_elements"
    WATCH_CAMERA = "watch_camera"  # live pictures and stills of cameras; each is written down
    SEE_EVIDENCE = "see_evidence"  # photos, videos, files of an incident
    SEE_CALLER = "see_caller"  # a caller's name and number, unmasked
    SEE_COMPLAINTS = "see_complaints"  # complaints against police of one's own scope
    SEE_COMPLAINTS_BELOW = "see_complaints_below"  # those against organisations below one's own, never against one's own
    LOOK = "look"  # have others see which incident one has open, and see who else has it open
    SEE_WARNINGS = "see_warnings"  # what crews must know of a place before they enter it; a crew is told by its push
    SEE_HEALTH = "see_health"
    SEE_METRICS = "see_metrics"
    SEE_CALIBRATION = "see_calibration"  # promised times of the scope beside actual ones
    SEE_KPIS = "see_kpis"  # how long stages take, in figures of the scope
    SEE_TRACKS = "see_tracks"  # where crews of the scope have been: a path, who was near a place
    HOLD_TRACKS = "hold_tracks"  # keep tracks from being removed when their time is over
    EXPORT = "export"
    SEE_AFTER_ACTION = "see_after_action"  # 复盘: the review of an incident, with what reviewers wrote
    # Incidents
    RECEIVE = "receive"
    CLASSIFY = "classify"
    LOCATE = "locate"
    PUSH = "push"
    REINFORCE = "reinforce"
    REASSIGN = "reassign"
    RECALL = "recall"
    STOP_REPUSH = "stop_repush"
    REPUSH = "repush"  # of the deadline watch alone, as the next
    MISS_DEADLINE = "miss_deadline"
    CALL_SERVICE = "call_service"
    NAME_LEAD = "name_lead"
    DELIVERED = "delivered"
    SEEN = "seen"
    ACKNOWLEDGE = "acknowledge"
    REFUSE = "refuse"
    DEPART = "depart"
    ARRIVE = "arrive"
    CORRECT_STAGE = "correct_stage"  # put right a stage that was pressed or entered wrongly
    CHECK_IN = "check_in"  # all is well on the scene
    FEEDBACK = "feedback"
    CLEAR = "clear"
    REVIEW = "review"
    RETURN = "return"
    CLOSE = "close"
    DIVERT = "divert"
    MARK_INVALID = "mark_invalid"
    CANCEL = "cancel"
    REOPEN = "reopen"
    CALL_BACK = "call_back"
    MERGE = "merge"
    TELL_APART = "tell_apart"
    SPLIT = "split"
    ESCALATE = "escalate"
    OFFER_HANDOVER = "offer_handover"
    ACCEPT_HANDOVER = "accept_handover"
    REFUSE_HANDOVER = "refuse_handover"
    TAKE_ALARM = "take_alarm"
    CLAIM = "claim"
    RELEASE_CLAIM = "release_claim"
    WARN_PLACE = "warn_place"
    LIFT_WARNING = "lift_warning"
    NOTE = "note"
    READ_NOTE = "read_note"
    ADD_UPLOAD = "add_upload"
    BOOKMARK = "bookmark"  # mark a moment in a camera's picture, which makes a clip of the incident; needs watch_camera too
    MISS_CLIP = "miss_clip"  # of the clips' service alone
    COMMENT = "comment"  # as the next, in the review afterwards
    ADD_FINDING = "add_finding"
    SIGN_AFTER_ACTION = "sign_after_action"
    REVISE_AFTER_ACTION = "revise_after_action"
    # Units, elements, screens
    REGISTER_UNIT = "register_unit"
    SET_UNIT_STATUS = "set_unit_status"
    WRITE_ELEMENT = "write_element"
    REMOVE_ELEMENT = "remove_element"
    REGISTER_CAMERA = "register_camera"  # where cameras stand, what they can do, their addresses
    OPERATE_CAMERA = "operate_camera"  # turn one, have it look somewhere, call its presets
    SAVE_PRESET = "save_preset"  # of a camera, for everyone
    # Duty
    SIGN_ON = "sign_on"
    SIGN_OFF = "sign_off"
    TELL_DUTY = "tell_duty"  # of the duty watch alone
    PLAN_SHIFT = "plan_shift"
    CANCEL_SHIFT = "cancel_shift"
    MUSTER_RESERVES = "muster_reserves"  # 紧急集合
    ANSWER_MUSTER = "answer_muster"
    END_MUSTER = "end_muster"
    SIGN_SHIFT_HANDOVER = "sign_shift_handover"  # 交接班
    BROADCAST = "broadcast"  # 通播
    RECALL_BROADCAST = "recall_broadcast"
    BROADCAST_DELIVERED = "broadcast_delivered"  # as the next, of one's own crew or desk
    READ_BROADCAST = "read_broadcast"
    SEE_DUTY_CIRCLES = "see_duty_circles"  # 快反圈: prepared areas, who has to be in them, and who is
    SET_DUTY_CIRCLE = "set_duty_circle"
    WITHDRAW_DUTY_CIRCLE = "withdraw_duty_circle"
    PUSH_VIEW = "push_view"  # send the desk's view to a wall
    MANAGE_WEBHOOKS = "manage_webhooks"  # have events of one's scope sent to other programs
    # Connections and administration
    FEED_IN = "feed_in"
    USE_TERMINAL = "use_terminal"
    PANIC = "panic"  # a crew calls for help for itself; makes an incident without the right to receive any
    OWN_SESSIONS = "own_sessions"  # see and end the log-ins of one's own account
    MANAGE_ACCOUNTS = "manage_accounts"


A = Action
READ = frozenset({A.OWN_SESSIONS, A.SEE_PICTURE, A.SEE_HISTORY, A.SEE_SCENE, A.SEE_PLACES, A.SEE_ELEMENTS, A.SEE_HEALTH, A.WATCH_CAMERA})
# Of broadcasts and notes, wherever they arrive.
RECEIPTS = frozenset({A.BROADCAST_DELIVERED, A.READ_BROADCAST, A.READ_NOTE})
# What a crew does on its terminal; the desk enters the same for a crew on the radio (代签收, 代反馈).
CREW = frozenset(
    {A.DELIVERED, A.SEEN, A.ACKNOWLEDGE, A.REFUSE, A.DEPART, A.ARRIVE, A.FEEDBACK, A.CLEAR, A.NOTE, A.ADD_UPLOAD, A.SET_UNIT_STATUS}
    | {A.CHECK_IN, A.SIGN_ON, A.SIGN_OFF, A.ANSWER_MUSTER}
)
CALL_TAKING = frozenset(
    {A.RECEIVE, A.CLASSIFY, A.LOCATE, A.DIVERT, A.MARK_INVALID, A.TELL_APART, A.NOTE, A.SEE_CALLER, A.SEE_COMPLAINTS_BELOW}
    | {A.LOOK, A.CLAIM, A.RELEASE_CLAIM, A.BOOKMARK}
    | {A.SEE_WARNINGS, A.SEE_DUTY_CIRCLES}
    | RECEIPTS
)
SENDING = frozenset(
    {A.PUSH, A.REINFORCE, A.REASSIGN, A.RECALL, A.STOP_REPUSH, A.CALL_SERVICE, A.NAME_LEAD, A.TAKE_ALARM, A.CORRECT_STAGE}
    | {A.CANCEL, A.CLOSE, A.CALL_BACK, A.MERGE, A.SPLIT, A.REGISTER_UNIT, A.WRITE_ELEMENT, A.PUSH_VIEW}
    | {A.BROADCAST, A.RECALL_BROADCAST}
    | {A.OPERATE_CAMERA}
)
# Between organisations: up, across, and back.
PASSING = frozenset({A.ESCALATE, A.OFFER_HANDOVER, A.ACCEPT_HANDOVER, A.REFUSE_HANDOVER})
JUDGING = frozenset({A.REVIEW, A.RETURN, A.REOPEN})
# Of the review afterwards 复盘.
REVIEWING = frozenset({A.COMMENT, A.ADD_FINDING, A.SIGN_AFTER_ACTION, A.REVISE_AFTER_ACTION})
# What the system does by itself, by the clock; nobody asks for it.
SYSTEM_ONLY = frozenset({A.REPUSH, A.MISS_DEADLINE, A.TELL_DUTY, A.MISS_CLIP})
DESK = (
    READ
    | CALL_TAKING
    | CREW
    | SENDING
    | PASSING
    | {A.SEE_EVIDENCE, A.SIGN_SHIFT_HANDOVER, A.SEE_CALIBRATION, A.SEE_KPIS, A.SEE_TRACKS, A.SEE_AFTER_ACTION}
)
# Whose word puts people on duty who were not.
LEADING = frozenset({A.PLAN_SHIFT, A.CANCEL_SHIFT, A.MUSTER_RESERVES, A.END_MUSTER})

GRANTS: dict[Role, frozenset[Action]] = {
    Role.VIEWER: READ | {A.SEE_KPIS},  # counts of a scope, for its walls too
    Role.OFFICER: READ - {A.SEE_HEALTH, A.WATCH_CAMERA} | CREW | RECEIPTS | {A.SEE_EVIDENCE, A.USE_TERMINAL, A.PANIC},
    Role.CALL_TAKER: READ | CALL_TAKING,
    Role.OPERATOR: DESK,
    Role.COMMANDER: DESK
    | JUDGING
    | LEADING
    | REVIEWING
    | {A.EXPORT, A.MANAGE_WEBHOOKS, A.WARN_PLACE, A.LIFT_WARNING, A.SET_DUTY_CIRCLE, A.WITHDRAW_DUTY_CIRCLE}
    | {A.HOLD_TRACKS},
    Role.REVIEWER: READ
    | {A.SEE_EVIDENCE, A.EXPORT, A.REVIEW, A.RETURN, A.NOTE, A.SEE_COMPLAINTS_BELOW, A.SEE_DUTY_CIRCLES, A.BOOKMARK}
    | {A.SEE_CALIBRATION, A.SEE_KPIS, A.SEE_AFTER_ACTION, A.SEE_TRACKS, A.HOLD_TRACKS}
    | REVIEWING,
    Role.SUPERVISOR: READ
    | JUDGING
    | REVIEWING
    | {A.SEE_EVIDENCE, A.EXPORT, A.NOTE, A.SEE_CALLER, A.SEE_COMPLAINTS, A.SEE_COMPLAINTS_BELOW, A.BOOKMARK}
    | {A.SEE_WARNINGS, A.SEE_DUTY_CIRCLES, A.SEE_CALIBRATION, A.SEE_KPIS, A.SEE_AFTER_ACTION, A.SEE_TRACKS, A.HOLD_TRACKS},
    Role.FEED: frozenset({A.FEED_IN, A.RECEIVE, A.REGISTER_UNIT, A.SET_UNIT_STATUS, A.WRITE_ELEMENT})
    | {A.REMOVE_ELEMENT, A.REGISTER_CAMERA},
    # Runs the system and may stand in at a desk, on record; complaints, callers and reviews are none of an administrator's business.
    Role.ADMIN: frozenset(Action)
    - {A.SEE_COMPLAINTS, A.SEE_COMPLAINTS_BELOW, A.SEE_CALLER, A.USE_TERMINAL, A.PANIC, A.FEED_IN}
    - SYSTEM_ONLY
    - REVIEWING,
}

# Roles that enter stages for crews of their scope; an officer only ever speaks for its own unit.
ON_BEHALF_ROLES = frozenset({Role.OPERATOR, Role.COMMANDER, Role.ADMIN})


# What is left of any role while its page shows the past: looking, and showing a wall what one looks at.
IN_REPLAY = READ - {A.WATCH_CAMERA} | {
    A.SEE_EVIDENCE,
    A.SEE_CALLER,
    A.SEE_COMPLAINTS,
    A.SEE_COMPLAINTS_BELOW,
    A.SEE_WARNINGS,
    A.SEE_CALIBRATION,
    A.SEE_TRACKS,
    A.SEE_AFTER_ACTION,
    A.SEE_DUTY_CIRCLES,
    A.LOOK,
    A.READ_BROADCAST,
    A.PUSH_VIEW,
}


def is_granted(role: str, action: str) -> bool:
    """Whether the table grants `action` to `role`; unknown names of either are not granted."""
    try:
        return Action(action) in GRANTS[Role(role)]
    except ValueError:
        return False
