"""Everything a screen, a route or a feed may use, built once by `app.py` and handed down. Nothing here starts anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from operations.incidents.deadline_watch import loop_view

if TYPE_CHECKING:
    from dispatch.catalogue import Catalogue
    from dispatch.clock import Clock
    from dispatch.codes import Codes
    from dispatch.deadlines import Targets
    from dispatch.model import Incident
    from dispatch.organisations import OrganisationTree
    from geodata.building.basemap import BaseMap
    from geodata.cities.city import City
    from geodata.cities.places import PlaceIndex
    from geodata.districts.beats import Beats
    from geodata.districts.responsibility import Responsibility
    from geodata.routing.travel import TravelTimes
    from operations.access.accounts import Accounts
    from operations.access.authority import Authority
    from operations.access.certificates import Certificates
    from operations.access.enrolment import Enrolment
    from operations.access.oidc import Provider
    from operations.access.personal import PersonalData
    from operations.access.sessions import Sessions
    from operations.cameras.camera_direction import CameraDirections
    from operations.cameras.camera_groups import CameraGroups
    from operations.cameras.camera_register import CameraRegister
    from operations.cameras.ptz import Ptz
    from operations.cameras.recorded_watch import RecordedWatch
    from operations.cameras.video_watch import VideoWatch
    from operations.duty.drills import Drills
    from operations.duty.duty_circles import DutyCircles
    from operations.duty.duty_watch import DutyWatch
    from operations.footage.clips import Clips
    from operations.footage.evidence import Evidence
    from operations.footage.marked_copies import MarkedCopies
    from operations.footage.recording import Recording
    from operations.footage.scene_playback import Playback
    from operations.footage.scene_video import SceneVideo
    from operations.health import Health
    from operations.incidents.bus import Bus
    from operations.incidents.deadline_watch import DeadlineWatch
    from operations.incidents.further_calls import FurtherCalls
    from operations.incidents.handle import Handler
    from operations.incidents.premises import Premises
    from operations.outgoing.screens import Screens
    from operations.outgoing.webhooks import Webhooks
    from operations.records.after_action import AfterActions
    from operations.records.calibration import Calibrations
    from operations.records.daily_report import DailyReports
    from operations.records.expected import ExpectedIncidents
    from operations.records.history import History
    from operations.records.imported import ImportedIncidents
    from operations.records.kpis import KpiService
    from operations.records.past import Pasts
    from operations.situation.coverage import Coverage
    from operations.situation.elements import ElementStore
    from operations.situation.pursuit import PursuitService
    from operations.situation.scene import SceneService
    from operations.situation.street_speeds import StreetSpeeds
    from operations.situation.traffic import Traffic
    from operations.situation.what_if import WhatIf
    from operations.tracking.intake import Intake
    from operations.tracking.positions import PositionTable
    from operations.tracking.stage_watch import StageWatch
    from operations.tracking.track_holds import TrackHolds
    from operations.tracking.track_questions import TrackQuestions
    from operations.tracking.track_retention import TrackRetention
    from storage.track_reader import TrackReader


@dataclass(frozen=True)
class Services:
    """The composed system."""

    demo: bool
    clock: Clock
    city: City
    base_map: BaseMap
    catalogue: Catalogue
    codes: Codes  # incident types and dispositions of this city
    organisations: OrganisationTree
    travel: TravelTimes
    traffic: Traffic  # what events close or slow just now
    speeds: StreetSpeeds  # learns from crews' drives
    places: PlaceIndex
    targets: Targets  # how long each step of the loop may take
    responsibility: Responsibility  # who is responsible for which type where
    handler: Handler  # commands in, events out; owns the live picture (`handler.picture`)
    personal: PersonalData  # callers and uploads, as an actor may see them; every look is written down
    further_calls: FurtherCalls  # what a call may be a further call about
    premises: Premises  # what is to be known of a place before anybody enters it
    calibrations: Calibrations  # promised times beside actual ones
    kpis: KpiService  # how long stages take
    daily_reports: DailyReports  # 警情日报, written each morning
    after_actions: AfterActions  # the review of an incident afterwards
    history: History  # reading back: timelines, changes, incidents by page, pictures of the past
    imported: ImportedIncidents  # what other systems recorded, for moments of the past
    bus: Bus  # journal events as they are committed
    positions: PositionTable
    tracks: TrackReader  # positions of the past
    track_questions: TrackQuestions  # the same for an actor: where crews have been
    track_holds: TrackHolds  # what is kept of them although its time is over
    track_retention: TrackRetention  # removes what is over
    pasts: Pasts  # all of this as it was at an instant
    intake: Intake  # reports from feeds, through the quality checks
    elements: ElementStore
    cameras: CameraRegister  # which there are, whose they are, how they do
    video: VideoWatch  # pictures of cameras
    recording: Recording  # which of them are recorded
    recorded: RecordedWatch  # looking back at them
    clips: Clips  # marked moments, and what becomes of them
    ptz: Ptz  # turning them
    camera_directions: CameraDirections  # where they look now
    scene: SceneService
    pursuit: PursuitService
    what_if: WhatIf
    expected: ExpectedIncidents  # how many incidents are to be expected where
    coverage: Coverage  # what available units can be at in time
    authority: Authority
    accounts: Accounts
    certificates: Certificates  # client certificates that were given to accounts
    certificate_proxies: frozenset[str]  # addresses whose word is believed about a client's certificate
    takes_certificates: bool  # whether any can come: from TLS here, or from such a proxy
    oidc: Provider | None  # identity provider that people may log in with
    enrolment: Enrolment  # setting up second factors
    sessions: Sessions  # log-ins of people, to be seen and ended
    evidence: Evidence
    scene_video: SceneVideo  # what crews film comes in here
    playback: Playback  # and can be wound afterwards
    marked_copies: MarkedCopies  # or taken away, with marks
    health: Health
    screens: Screens  # what desks push to walls
    webhooks: Webhooks  # what is sent to other programs
    deadlines: DeadlineWatch  # puts on record and tells what is late
    stages: StageWatch  # what positions suggest about crews' stages
    duty: DutyWatch  # puts on record what the clock changes about crews' duty
    beats: Beats  # which beat a point is on
    duty_circles: DutyCircles
    camera_groups: CameraGroups  # what walls go round
    drills: Drills  # who is inside a duty circle against who should be

    def loop_view(self, incident: Incident) -> dict[str, Any]:
        """What screens show beside the incident: its deadlines, and what positions say of its crews."""
        return loop_view(incident, self.targets) | {"suggestions": msgspec.to_builtins(self.stages.of(incident))}
