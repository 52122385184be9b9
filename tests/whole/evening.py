"""A scripted evening: thirty incidents, who does what in them, and what has to be on record afterwards, event by event.

A row is one step: of which incident, by whom, what, and the events it leads to. `hand` is done in the page as a person does it, `api` by
the same page's session over the API. What an event says of itself stands behind its name; who said it and how follows from the row,
unless the event is told by somebody else ("car: push_seen car"), by radio or telephone ("radio: arrived r3"), later than it happened
("late arrived van"), or of another incident ("#6 call_added 7"). Rows that belong together are one beat: nothing else comes between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.cities import EAST, WEST
from tests.whole.record import said_by

CITY, STATION, CAR, VAN, BIKE, FEED, CLOCK, NETWORK = "city", "station", "car", "van", "bike", "feed", "clock", "network"
PHONES = {CAR: WEST, VAN: WEST, BIKE: EAST}
# Crews without a terminal, on the radio alone: where they stand, metres east and north.
RADIO_CREWS = {"r1": (100, 100), "r2": (100, 300), "r3": (100, 500), "r4": (100, 700), "r5": (100, 1000), "r6": (400, 900)}
RADIO_CREWS |= {"r7": (300, 1000), "r8": (500, 1000), "r9": (500, 700), "r10": (500, 800)}
CAMERA, SEEN_BY_CAMERA = "corner", 28  # the only camera that sends, and the incident that is near it
# Who is written down as the actor, and the channel when nothing else is said.
ACTORS = {
    CITY: ("city-desk", "desk"),
    STATION: ("west-desk", "desk"),
    CAR: ("officer-car", "terminal"),
    VAN: ("officer-van", "terminal"),
    BIKE: ("officer-bike", "terminal"),
    FEED: ("cad", "feed"),
    CLOCK: ("deadlines", "system"),
}
# Seconds to acknowledge for the grades 1 and 4; then until others are sent, and until an untaken alarm climbs. What has to be done
# between two of them is done at once, and has half a minute; everything else has all evening.
ACKNOWLEDGE_S, REPUSH_S, CLIMB_S, ALL_EVENING_S = 2, 30, 35, 3600
TARGETS = f"""
repush_after_s = {REPUSH_S}
climb_after_s = {CLIMB_S}

[[target]]
step = "acknowledge"
from = "unit_pushed"
seconds = [{ACKNOWLEDGE_S}, {ALL_EVENING_S}, {ALL_EVENING_S}, {ACKNOWLEDGE_S}]
on_miss = ["repush", "repush", "supervise", "supervise"]
""" + "".join(
    f"""
[[target]]
step = "{step}"
from = "{start}"
seconds = [{ALL_EVENING_S}, {ALL_EVENING_S}, {ALL_EVENING_S}, {ALL_EVENING_S}]
on_miss = ["alarm", "alarm", "supervise", "supervise"]
"""
    for step, start in (("depart", "acknowledged"), ("arrive", "unit_pushed"), ("feedback", "arrived"), ("review", "feedback_given"))
)


@dataclass(frozen=True)
class Step:
    """One row. `how`: what is chosen and said in the page, or the fields of the command."""

    of: int
    who: str
    does: str
    told: tuple[str, ...]
    by_hand: bool
    how: Mapping[str, Any] = field(default_factory=dict)


Beat = tuple[Step, ...]
Story = tuple[Step | Beat, ...]


def hand(of: int, who: str, does: str, *told: str, **how: Any) -> Step:
    return Step(of, who, does, told, True, how)


def api(of: int, who: str, does: str, *told: str, **how: Any) -> Step:
    return Step(of, who, does, told, False, how)


def call(of: int, incident_type: str, grade: int, east_m: float, north_m: float, **how: Any) -> Step:
    """A call that the command-and-dispatch program of another system has taken."""
    what = {"incident_type": incident_type, "grade": grade, "at": (east_m, north_m)}
    return Step(of, FEED, "receive", (f"incident_received {incident_type}",), False, what | how)


def camera(of: int, camera_id: str, east_m: float, north_m: float) -> Step:
    """A camera that looks on joins the register of another system, which tells where it stands."""
    return Step(of, FEED, f"register {camera_id}", (), False, {"at": (east_m, north_m)})


def clock(of: int, *told: str) -> Step:
    """What the system does by itself, when its time has come."""
    return Step(of, CLOCK, "strikes", told, False)


def net(of: int, does: str, *told: str) -> Step:
    return Step(of, NETWORK, does, told, True)


def reached(crew: str) -> tuple[str, str]:
    """The push is on the crew's phone, and has been looked at."""
    return f"{crew}: push_delivered {crew}", f"{crew}: push_seen {crew}"


_TOLD = re.compile(r"(?:#(?P<of>\d+) )?(?P<late>late )?(?:(?P<by>[\w ]+): )?(?P<what>.+)")


def expected(step: Step, told: str) -> tuple[int, str, bool]:
    """Of which incident it is told, the line of the record, and whether it came later than it happened."""
    found = _TOLD.fullmatch(told)
    assert found is not None, told
    by, what = found["by"] or step.who, found["what"]
    speaks_for = by in ("radio", "phone")
    who = step.who if speaks_for else by.removeprefix("panic ")
    actor, channel = ACTORS[who]
    on_behalf_of = what.split()[1] if speaks_for else who if by != who else None
    return int(found["of"] or step.of), said_by(what, actor, by if speaks_for else channel, on_behalf_of), found["late"] is not None


# The first act: deadlines run in the background, and everything a desk can do with an incident that goes on.
A_CREW_THAT_DOES_NOT_ANSWER: Story = (
    call(1, "knife_attack", 1, 100, 1000),
    (
        api(1, CITY, "push r4", "unit_pushed r4 push"),
        clock(1, "deadline_missed acknowledge r4 west"),
        api(1, CITY, "take_alarm", "alarm_taken"),
    ),
    (
        clock(1, "unit_pushed r5 repush", "deadline_missed acknowledge r5 west"),
        api(1, CITY, "acknowledge r5 by radio", "radio: acknowledged r5"),
        api(1, CITY, "recall r4", "push_recalled r4"),
    ),
    api(1, STATION, "take_alarm", "alarm_taken"),
    api(1, CITY, "arrive r5 by radio", "radio: arrived r5"),
    api(1, CITY, "clear r5 by radio", "radio: unit_released r5"),
)
A_COUNTDOWN_THAT_IS_STOPPED: Story = (
    call(2, "robbery", 1, 120, 120),
    (
        api(2, CITY, "push r1", "unit_pushed r1 push"),
        clock(2, "deadline_missed acknowledge r1 west"),
        hand(2, CITY, "stop_repush r1", "repush_stopped r1"),
    ),
    (
        clock(2, "deadline_missed acknowledge r1 county"),
        hand(2, STATION, "take_alarm", "alarm_taken"),
    ),
    api(2, STATION, "depart r1 by radio", "radio: departed r1"),
    api(2, STATION, "recall r1", "push_recalled r1"),
)
A_SMALL_ONE_UNDER_SUPERVISION: Story = (
    call(3, "noise", 4, 120, 320),
    api(3, STATION, "push r2", "unit_pushed r2 push"),
    clock(3, "deadline_missed acknowledge r2 west quiet"),
    api(3, STATION, "acknowledge r2 by radio", "late radio: acknowledged r2", after="unit_pushed"),
    api(3, STATION, "arrive r2 by radio", "radio: arrived r2"),
    api(3, STATION, "feedback r2 by radio", "radio: feedback_given r2", text="music turned down"),
    api(3, STATION, "review", "incident_reviewed"),
    api(3, STATION, "close", "incident_closed warned", disposition="warned"),
)
THE_WHOLE_LOOP_BY_HAND: Story = (
    call(4, "assault", 2, 330, 260),
    hand(4, STATION, "push car", "unit_pushed car push", *reached(CAR)),
    hand(4, CAR, "acknowledge", "acknowledged car"),
    hand(4, CAR, "depart", "departed car"),
    hand(4, CAR, "arrive", "arrived car"),
    hand(4, CAR, "photo", "upload_added image/jpeg"),
    hand(4, CAR, "feedback", "feedback_given car", text="双方已劝离", choice="settled"),
    hand(4, CAR, "clear", "unit_released car"),
    hand(4, STATION, "review", "incident_reviewed", text="well done"),
    (
        hand(4, STATION, "close", "incident_closed settled"),
        hand(4, STATION, "call_back", "called_back satisfied", text="all is well"),
    ),
)
NOBODY_KNOWS_WHERE: Story = (
    hand(5, CITY, "receive", "incident_received dispute", choice="Dispute", text="shouting somewhere near the canal"),
    hand(5, CITY, "locate", "incident_located west", at=(500, 500)),
    hand(5, CITY, "classify", "incident_classified dispute 2", text="shouting at the crossing", choice="2 Urgent"),
    api(5, CITY, "push van", "unit_pushed van push", *reached(VAN)),
    hand(5, CITY, "reinforce r3", "unit_pushed r3 reinforce"),
    hand(5, CITY, "name_lead r3", "lead_named r3"),
    hand(5, CITY, "recall van", "push_recalled van"),
    hand(5, CITY, "call_service", "service_called 120", text="one hurt", choice="Ambulance 120"),
    hand(5, CITY, "depart 120 by phone", "phone: departed 120"),
    hand(5, CITY, "acknowledge r3 by radio", "radio: acknowledged r3"),
    hand(5, CITY, "depart r3 by radio", "radio: departed r3"),
    hand(5, CITY, "arrive r3 by radio", "radio: arrived r3"),
    hand(5, CITY, "feedback r3 by radio", "radio: feedback_given r3", text="two men apart"),
    hand(5, CITY, "clear r3 by radio", "radio: unit_released r3"),
)
TWO_CALLS_ABOUT_ONE_FIRE: Story = (
    call(6, "fire", 2, 400, 900),
    hand(6, STATION, "push_nearest r6", "unit_pushed r6 push"),
    call(7, "fire", 3, 410, 910),
    hand(7, STATION, "merge 6", "incident_merged 6", "#6 call_added 7", text="the same smoke"),
    api(6, STATION, "depart r6 by radio", "radio: departed r6"),
    hand(6, STATION, "note", "note_added", text="smoke seen from the bridge"),
)
# The second act: networks come and go.
STAGES_WITHOUT_A_NETWORK: Story = (
    call(11, "theft", 3, 250, 250),
    api(11, STATION, "push van", "unit_pushed van push", *reached(VAN)),
    net(11, "van offline"),
    hand(11, VAN, "acknowledge"),
    hand(11, VAN, "depart"),
    api(11, CITY, "note", "note_added", text="no answer from the van"),
    net(11, "van online", "late van: acknowledged van", "late van: departed van"),
    hand(11, VAN, "arrive", "arrived van"),
    hand(11, VAN, "feedback", "feedback_given van", text="一辆电动车被盗", choice="case_opened"),
    hand(11, STATION, "return", "incident_returned", text="which make?"),
    hand(11, VAN, "feedback", "feedback_given van", text="雅迪，黑色", choice="case_opened"),
    api(11, STATION, "review", "incident_reviewed"),
    api(11, STATION, "close", "incident_closed case_opened", disposition="case_opened"),
)
CANCELLED_WHILE_THE_PHONE_WAS_AWAY: Story = (
    call(12, "traffic_injury", 2, 700, 300),
    api(12, CITY, "push bike", "unit_pushed bike push", *reached(BIKE)),
    hand(12, BIKE, "acknowledge", "acknowledged bike"),
    hand(12, BIKE, "depart", "departed bike"),
    net(12, "bike offline"),
    hand(12, BIKE, "arrive"),
    hand(12, BIKE, "photo"),
    hand(12, CITY, "cancel", "incident_ended cancelled", text="both drove off"),
    net(12, "bike online", "bike: upload_added image/jpeg"),
    hand(12, BIKE, "reads that arrive was not accepted"),
)
A_POWER_CUT: Story = (
    call(13, "domestic_violence", 2, 300, 400),
    api(13, STATION, "push car", "unit_pushed car push", *reached(CAR)),
    hand(13, CAR, "acknowledge", "acknowledged car"),
    hand(13, CAR, "depart", "departed car"),
    (
        net(13, "server killed"),
        hand(13, CAR, "arrive"),
        net(13, "server started", "late car: arrived car"),
    ),
    hand(13, CAR, "feedback", "feedback_given car", text="已隔开双方", choice="warned"),
    hand(13, CAR, "clear", "unit_released car"),
    api(13, CITY, "review", "incident_reviewed"),
)
A_DESK_WITHOUT_A_NETWORK: Story = (
    call(14, "drunk_driving", 2, 200, 200),
    (
        net(14, "city offline"),
        api(14, STATION, "push r3", "unit_pushed r3 push"),
        hand(14, STATION, "acknowledge r3 by radio", "radio: acknowledged r3"),
        api(14, STATION, "depart r3 by radio", "radio: departed r3"),
        call(15, "fraud", 3, 240, 500),
        net(14, "city online"),
    ),
    hand(14, CITY, "arrive r3 by radio", "radio: arrived r3"),
)
CALLED_BY_RADIO_WHILE_THE_PHONE_WAS_AWAY: Story = (
    net(15, "van offline"),
    api(15, STATION, "push van", "unit_pushed van push"),
    api(15, STATION, "acknowledge van by radio", "radio: acknowledged van"),
    net(15, "van online", "van: push_delivered van"),
    hand(15, VAN, "depart", "departed van"),
    hand(15, VAN, "arrive", "arrived van"),
    hand(15, VAN, "feedback", "feedback_given van", text="已登记", choice="case_opened"),
    hand(15, VAN, "clear", "unit_released van"),
)
HELP_WITHOUT_A_NETWORK: Story = (
    net(16, "bike offline"),
    hand(16, BIKE, "panic"),
    api(14, STATION, "note", "note_added", text="nothing heard from the bike"),
    (
        net(16, "bike online", "late panic bike: incident_received officer_emergency", "clock: deadline_missed help east"),
        api(16, CITY, "take_alarm", "alarm_taken"),
    ),
    api(16, CITY, "note", "note_added", text="found, unhurt"),
    api(16, CITY, "close", "incident_closed helped", disposition="helped"),
)
WHAT_IS_SAID_TWICE_IS_DONE_ONCE: Story = (
    call(17, "lost_property", 3, 260, 700),
    api(17, FEED, "receive again"),
    api(17, STATION, "push r7", "unit_pushed r7 push", key="evening-17"),
    api(17, STATION, "push r7", key="evening-17"),
    api(17, STATION, "depart r7 by radio", "radio: departed r7"),
    api(17, STATION, "depart r7 by radio"),
)
# The third act: between organisations, and after the end.
MORE_THAN_A_STATION_CAN_DO: Story = (
    call(10, "crowd", 2, 300, 600),
    hand(10, STATION, "escalate", "incident_escalated county", text="three hundred people"),
    api(10, CITY, "push bike", "unit_pushed bike push", *reached(BIKE)),
    hand(10, BIKE, "refuse", "push_refused bike"),
    api(10, CITY, "push bike", "unit_pushed bike push", *reached(BIKE)),
    hand(10, CITY, "refuse bike by radio", "radio: push_refused bike", text="a flat tyre"),
    api(10, CITY, "cancel", "incident_ended cancelled", text="the crowd has gone by itself"),
)
NOT_FOR_THE_POLICE: Story = (
    call(8, "help", 3, 900, 300),
    hand(8, CITY, "divert", "incident_ended diverted 119", text="a cat on a roof"),
)
A_FALSE_ALARM: Story = (
    call(9, "suspicious_person", 3, 200, 700),
    hand(9, STATION, "mark_invalid", "incident_ended invalid", text="the owner himself"),
)
HANDED_ON: Story = (
    call(18, "missing_person", 2, 500, 300),
    hand(18, STATION, "offer_handover", "handover_offered east", text="she lives there", choice="东门派出所"),
    api(18, CITY, "accept_handover", "handover_accepted east"),
    api(18, CITY, "push bike", "unit_pushed bike push", *reached(BIKE)),
    hand(18, BIKE, "acknowledge", "acknowledged bike"),
)
OFFERED_AND_ACCEPTED: Story = (
    call(19, "dispute", 3, 700, 500),
    api(19, CITY, "offer_handover", "handover_offered west", to_org_code=WEST),
    hand(19, STATION, "accept_handover", "handover_accepted west"),
    api(19, STATION, "push r2", "unit_pushed r2 push"),
    api(19, STATION, "refuse r2 by radio", "radio: push_refused r2", text="still writing the last one"),
    api(19, STATION, "push r5", "unit_pushed r5 push"),
    api(19, STATION, "reassign r2", "push_recalled r5", "unit_pushed r2 reassign", text="nearer"),
)
OFFERED_AND_REFUSED: Story = (
    call(20, "theft", 3, 800, 700),
    hand(20, CITY, "offer_handover", "handover_offered west", text="theirs?", choice="西门派出所"),
    hand(20, STATION, "refuse_handover", "handover_refused west", text="east of the line"),
)
TAKEN_OVER: Story = (
    call(21, "hazmat_leak", 2, 400, 400),
    hand(
        21,
        CITY,
        "offer_handover",
        "handover_offered city",
        "handover_accepted city",
        text="a matter for the city",
        choice="Ningbo: take it over at once",
    ),
    api(21, CITY, "call_service", "service_called 119", service="119"),
    api(21, CITY, "arrive 119 by phone", "phone: arrived 119"),
)
ONE_CALL_ABOUT_TWO_THINGS: Story = (
    call(22, "assault", 3, 350, 500),
    (
        hand(22, STATION, "split", "#23 incident_received assault", "incident_split 23", text="a bag is gone"),
        api(23, STATION, "note", "note_added", text="brown leather"),
    ),
    api(22, STATION, "cancel", "incident_ended cancelled"),
)
ENDED_TOO_EARLY: Story = (
    call(24, "suspicious_person", 3, 220, 640),
    api(24, STATION, "push r10", "unit_pushed r10 push"),
    api(24, STATION, "recall", "push_recalled r10"),
    (
        hand(24, STATION, "cancel", "incident_ended cancelled", text="gone"),
        hand(24, STATION, "reopen", "incident_reopened", text="he is back"),
    ),
    api(24, STATION, "push r10", "unit_pushed r10 push"),
    api(24, STATION, "acknowledge r10 by radio", "radio: acknowledged r10"),
)
TWO_CREWS_AND_A_LEAD: Story = (
    call(25, "robbery", 2, 310, 200),
    api(25, STATION, "push car", "unit_pushed car push", *reached(CAR)),
    hand(25, CAR, "acknowledge", "acknowledged car"),
    api(25, STATION, "reinforce r4", "unit_pushed r4 reinforce"),
    api(25, STATION, "name_lead r4", "lead_named r4"),
    api(25, STATION, "arrive r4 by radio", "radio: arrived r4"),
    hand(25, CAR, "depart", "departed car"),
    hand(25, CAR, "arrive", "arrived car"),
    hand(25, CAR, "feedback", "feedback_given car", text="现场已控制", choice="taken_to_station"),
    api(25, STATION, "feedback r4 by radio", "radio: feedback_given r4", text="one arrested"),
    api(25, STATION, "review", "incident_reviewed"),
    api(25, STATION, "return", "incident_returned", text="and the knife?"),
    hand(25, CAR, "clear", "unit_released car"),
)
A_CREW_IN_DANGER: Story = (
    (
        hand(26, CAR, "panic", "panic car: incident_received officer_emergency", "clock: deadline_missed help west"),
        api(26, STATION, "take_alarm", "alarm_taken"),
        api(26, STATION, "note", "note_added", text="all crews informed"),
    ),
    api(26, STATION, "close", "incident_closed helped", disposition="helped"),
)
WHAT_THE_CREW_SAW_AND_HEARD: Story = (
    call(27, "traffic_accident", 3, 320, 300),
    api(27, STATION, "push van", "unit_pushed van push", *reached(VAN)),
    hand(27, VAN, "acknowledge", "acknowledged van"),
    hand(27, VAN, "depart", "departed van"),
    hand(27, VAN, "arrive", "arrived van"),
    hand(27, VAN, "video", "upload_added video/webm"),
    hand(27, VAN, "voice", "upload_added audio/webm"),
    hand(27, VAN, "feedback", "feedback_given van", text="车辆已移开", choice="settled"),
    api(27, STATION, "close", "incident_closed settled", disposition="settled"),
)
A_BIG_FIRE: Story = (
    (
        camera(28, CAMERA, 20, 60),
        call(28, "fire", 2, 150, 150),
        hand(28, CITY, f"bookmark {CAMERA}", "moment_bookmarked"),
    ),
    clock(28, "city: upload_added video/mp4"),
    api(28, CITY, "push r8 r9", "unit_pushed r8 push", "unit_pushed r9 push"),
    api(28, CITY, "call_service", "service_called 119", service="119"),
    api(28, CITY, "call_service", "service_called 120", service="120"),
    api(28, CITY, "arrive 119 by phone", "phone: arrived 119"),
    api(28, CITY, "arrive r8 by radio", "late radio: arrived r8", after="unit_pushed"),
    api(28, CITY, "check_in r8 by radio", "radio: checked_in r8"),
    api(28, CITY, "correct_stage r8", "stage_corrected r8 on_scene", stage="on_scene", text="it was the next street"),
    api(28, CITY, "escalate", "incident_escalated county", text="a whole block"),
)
A_PLACE_THAT_MOVES: Story = (
    call(29, "noise", 3, 560, 200),
    api(29, CITY, "locate", "incident_located west", at=(500, 200)),
    api(29, CITY, "classify", "incident_classified noise 2", grade=2),
    api(29, STATION, "divert", "incident_ended diverted 12345", to="12345"),
    api(29, STATION, "reopen", "incident_reopened", text="they called again"),
    api(29, STATION, "mark_invalid", "incident_ended invalid"),
)
A_CALL_THAT_WAITS: Story = (
    call(30, "lost_property", 4, 260, 720),
    hand(30, CITY, "tell_apart 17", "incidents_told_apart 17"),
    api(30, CITY, "note", "note_added", text="will come to the station tomorrow"),
    (
        hand(30, STATION, "claim", "incident_claimed west"),
        hand(30, CITY, "claim", "incident_claimed city"),
        api(30, CITY, "release_claim", "claim_released"),
    ),
)

ACTS: tuple[tuple[Story, ...], ...] = (
    (
        A_CREW_THAT_DOES_NOT_ANSWER,
        A_COUNTDOWN_THAT_IS_STOPPED,
        A_SMALL_ONE_UNDER_SUPERVISION,
        THE_WHOLE_LOOP_BY_HAND,
        NOBODY_KNOWS_WHERE,
        TWO_CALLS_ABOUT_ONE_FIRE,
    ),
    (
        STAGES_WITHOUT_A_NETWORK,
        CANCELLED_WHILE_THE_PHONE_WAS_AWAY,
        A_POWER_CUT,
        A_DESK_WITHOUT_A_NETWORK,
        WHAT_IS_SAID_TWICE_IS_DONE_ONCE,
    ),
    (CALLED_BY_RADIO_WHILE_THE_PHONE_WAS_AWAY, HELP_WITHOUT_A_NETWORK),
    (
        A_BIG_FIRE,  # the first: its clip is there half a minute after it was marked
        (*MORE_THAN_A_STATION_CAN_DO, *HANDED_ON),
        OFFERED_AND_ACCEPTED,
        OFFERED_AND_REFUSED,
        TAKEN_OVER,
        ONE_CALL_ABOUT_TWO_THINGS,
        ENDED_TOO_EARLY,
        (*TWO_CREWS_AND_A_LEAD, *A_CREW_IN_DANGER),
        WHAT_THE_CREW_SAW_AND_HEARD,
        A_PLACE_THAT_MOVES,
        A_CALL_THAT_WAITS,
        NOT_FOR_THE_POLICE,
        A_FALSE_ALARM,
    ),
)
