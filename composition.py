"""Composes one running node: which parts there are, how they are joined, in which order they start and stop."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import math
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher

from dashboard.daily_report import SUFFIXES, Names, files_of
from dashboard.i18n import words_in
from dashboard.organisation_names import organisation_name
from dashboard.terminal_socket import FEED_NAME as TERMINALS
from dispatch.catalogue import load_catalogue
from dispatch.clock import Clock
from dispatch.codes import Codes, load_codes
from dispatch.commands import Promise
from dispatch.deadlines import load_targets
from dispatch.model import Grade, Unit, UnitKind
from dispatch.organisations import OrganisationTree
from dispatch.past import PastIncident
from feeds.video.admission import Limits
from feeds.video.engine import EngineGateway
from feeds.video.gateway import EmbeddedGateway
from feeds.video.hub import Timing
from feeds.video.mediamtx import MediaMtx
from feeds.video.onvif import OnvifDriver
from feeds.video.wvp import Wvp
from feeds.video.zlmediakit import ZlMediaKit
from geodata.building.basemap import BaseMap
from geodata.cities.city import City
from geodata.cities.places import load_places
from geodata.districts.beats import Beats
from geodata.districts.jurisdictions import Jurisdictions
from geodata.districts.responsibility import Responsibility
from geodata.routing.travel import TravelTimes
from geodata.streets.areas import Areas
from geodata.streets.closures import StreetFinder
from geodata.streets.graph import PROFILES
from geodata.streets.learned import graph_identity
from geodata.streets.snapping import OffNetwork
from geodata.tracks.matching import Matcher
from operations.access.accounts import Accounts
from operations.access.authority import Authority
from operations.access.certificates import Certificates
from operations.access.enrolment import Enrolment
from operations.access.oidc import Client, Provider
from operations.access.personal import PersonalData
from operations.access.sessions import Sessions
from operations.cameras.camera_direction import CameraDirections
from operations.cameras.camera_groups import CameraGroups
from operations.cameras.camera_health import CameraHealth
from operations.cameras.camera_register import CameraRegister
from operations.cameras.ptz import Ptz
from operations.cameras.recorded_watch import RecordedWatch
from operations.cameras.video import Quality, VideoGateway
from operations.cameras.video_watch import VideoWatch
from operations.duty.circle_checks import CircleChecks
from operations.duty.drills import Drills
from operations.duty.duty_circles import DutyCircles
from operations.duty.duty_watch import DutyWatch
from operations.footage.clips import Clips
from operations.footage.evidence import Evidence
from operations.footage.marked_copies import MarkedCopies
from operations.footage.recording import Recording
from operations.footage.scene_playback import Playback
from operations.footage.scene_video import SceneVideo
from operations.footage.scene_whereabouts import Whereabouts, sending_crews
from operations.health import Health
from operations.incidents.bus import Bus
from operations.incidents.deadline_watch import DeadlineWatch
from operations.incidents.enrich import Enricher
from operations.incidents.further_calls import FurtherCalls
from operations.incidents.handle import Handler
from operations.incidents.premises import Premises
from operations.outgoing.screens import Screens
from operations.outgoing.webhook_request import LOOPBACK
from operations.outgoing.webhooks import Webhooks
from operations.records.after_action import AfterActions
from operations.records.calibration import Calibrations
from operations.records.daily_report import DailyReport, DailyReports
from operations.records.expected import ExpectedIncidents
from operations.records.history import History
from operations.records.imported import ImportedIncidents
from operations.records.kpis import KpiService
from operations.records.past import Pasts
from operations.records.past_speeds import PastSpeeds
from operations.services import Services
from operations.situation.candidates import TURNOUT_S
from operations.situation.coverage import Coverage
from operations.situation.elements import ElementStore
from operations.situation.neighbours import neighbour_table
from operations.situation.pursuit import PursuitService
from operations.situation.scene import SceneService
from operations.situation.street_speeds import SIREN_GRADE, StreetSpeeds
from operations.situation.traffic import Traffic
from operations.situation.what_if import WhatIf
from operations.tracking.ground import Ground
from operations.tracking.intake import Intake
from operations.tracking.movement import RIDING, WALKING, Movement
from operations.tracking.positions import PositionTable
from operations.tracking.stage_watch import StageWatch
from operations.tracking.track_holds import TrackHolds
from operations.tracking.track_questions import TrackQuestions
from operations.tracking.track_retention import TrackRetention
from operations.tracking.trails import Trails
from settings import Settings, SettingsError
from storage.accounts import AccountStore
from storage.audit import AuditLog
from storage.camera_health import CameraHealthStore
from storage.cameras import CameraStore
from storage.certificates import CertificateStore
from storage.database import open_database
from storage.evidence import EvidenceFiles
from storage.kpi_months import MonthlyFacts
from storage.past import PastIncidents
from storage.readings import ReadingStore
from storage.scene_video import RecordingFiles
from storage.speeds import SpeedFile, SpeedHistory
from storage.sql_journal import SqlJournal
from storage.track_holds import TrackHoldStore
from storage.tracks import TrackStore
from storage.video_ring import VideoRing
from storage.webhooks import WebhookStore

# In the demo each camera that is recorded has its synthetic pictures drawn and encoded on the same machine.
DEMO_RECORDED = 3
# Those of the pages; copies of videos are written on with them.
FONTS = Path(__file__).parent / "dashboard" / "assets" / "build" / "fonts.css"


class RoadPromises:
    """Promised times at a push, from the street graph (`operations.incidents.enrich.RoadTimes`)."""

    def __init__(self, travel: TravelTimes, movement: Movement) -> None:
        self._travel = travel
        self._movement = movement

    def promises(
        self, lon: float, lat: float, lons: Sequence[float], lats: Sequence[float], kinds: Sequence[UnitKind], grade: Grade
    ) -> Sequence[Promise | None]:
        units = self._travel.place(lons, lats, [PROFILES.index(self._movement[kind]) for kind in kinds])
        promises: list[Promise | None] = [None] * len(kinds)
        try:
            # Looks only as far as the farthest of them is; a crew that is pushed is seldom at the other end of the city.
            found = self._travel.nearest(lon, lat, units, k=len(kinds), siren=grade <= SIREN_GRADE)
        except OffNetwork:
            return promises
        rows = zip(found.index.tolist(), found.eta_s.tolist(), found.distance_m.tolist(), found.eta_p90_s.tolist(), strict=True)
        for place, eta_s, distance_m, eta_p90_s in rows:
            promises[place] = Promise(eta_s, distance_m, eta_p90_s, TURNOUT_S[kinds[place]])
        return promises


@dataclass(frozen=True)
class Node:
    """A composed node that has not been started."""

    services: Services
    settings: Settings
    tracks: TrackStore

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Services]:
        """Start the parts in the order they need each other; stop them the other way round."""
        services = self.services
        async with AsyncExitStack() as stack:
            await services.handler.start()
            stack.push_async_callback(services.handler.stop)
            stack.push_async_callback(services.history.stop)
            await services.elements.start()
            await services.cameras.start()
            stack.push_async_callback(services.cameras.stop)
            stack.push_async_callback(services.ptz.stop)
            stack.push_async_callback(services.camera_directions.stop)
            await services.traffic.start()
            stack.push_async_callback(services.traffic.stop)
            await services.evidence.start()
            await services.scene_video.start()
            stack.push_async_callback(services.scene_video.stop)
            services.playback.start()
            stack.push_async_callback(services.playback.stop)
            stack.push_async_callback(services.marked_copies.stop)
            last_known = await asyncio.to_thread(self.tracks.last_known)
            await self.tracks.start()
            stack.push_async_callback(self.tracks.stop)
            await services.speeds.start()
            stack.push_async_callback(services.speeds.stop)
            for feed in await asyncio.to_thread(services.accounts.feed_names):
                services.health.feed(feed)  # one that does not come back after a restart is shown as never heard, not left out
            await services.intake.start(services.bus, last_known)
            stack.push_async_callback(services.intake.stop)
            await services.video.gateway.start()
            stack.push_async_callback(services.video.gateway.stop)
            await services.recorded.start()
            stack.push_async_callback(services.recorded.stop)
            services.recording.start()
            stack.push_async_callback(services.recording.stop)
            await services.clips.start()
            stack.push_async_callback(services.clips.stop)
            await services.webhooks.start()
            stack.push_async_callback(services.webhooks.stop)
            await asyncio.to_thread(services.travel.warm_up)
            services.stages.start()
            stack.push_async_callback(services.stages.stop)
            await services.duty.tick()  # before anybody can be sent, what has ended while the node was down
            services.duty.start()
            stack.push_async_callback(services.duty.stop)
            services.expected.start()
            stack.push_async_callback(services.expected.stop)
            services.deadlines.start()
            stack.push_async_callback(services.deadlines.stop)
            services.track_retention.daily.start()
            stack.push_async_callback(services.track_retention.daily.stop)
            services.daily_reports.daily.start()
            stack.push_async_callback(services.daily_reports.daily.stop)
            # What has been built up to here stays: a full collection over it would stop the loop for tens of milliseconds.
            gc.freeze()
            watch = asyncio.create_task(services.health.watch_loop())
            stack.callback(watch.cancel)
            yield services


def compose(settings: Settings, city: City, clock: Clock, hasher: PasswordHasher | None = None) -> Node:
    """Build every part and join them; opens files and the database, starts nothing. Takes seconds: call it off the event loop.

    `hasher` of passwords, where another than Argon2 at its recommended cost is wanted.
    """
    engine = open_database(settings.database_url)
    catalogue = load_catalogue(city.folder / "catalogue.toml")
    organisations = OrganisationTree(city.organisations())
    travel = TravelTimes(city)
    movement = RIDING if settings.foot_patrols_ride else WALKING
    positions = PositionTable()
    bus, health = Bus(), Health(clock)
    # Phones come and go with their crews; each unit shows its own age, and a closed page is no feed that has failed.
    health.feed(TERMINALS, expected_interval_s=math.inf)
    journal = SqlJournal(engine)
    codes = load_codes(city.folder / "codes.toml")
    targets = load_targets(city.folder / "targets.toml")
    authority = Authority(organisations, clock, neighbour_table(city), [kind.id for kind in codes.incident_type if kind.confidential])
    jurisdictions = Jurisdictions.of(city)
    responsibility = Responsibility.of_city(city, jurisdictions, codes.type_by_id)
    duty_circles = DutyCircles(authority, organisations, clock, lambda: handler.picture)
    trails = Trails(lambda: handler.picture, positions)
    enricher = Enricher(
        responsibility,
        Areas(city.graph),
        organisations,
        codes,
        RoadPromises(travel, movement),
        positions,
        authority.in_scope,
        authority.may_see_unit,
        trails,
        clock,
        duty_circles.bound_s,
    )
    handler = Handler(journal, clock, bus, authority, enricher, node=city.code)
    history, past, org_of = History(journal), PastIncidents(engine), home_of(jurisdictions, city)
    tracks = TrackStore(settings.data / "tracks")
    readings = ReadingStore(engine)
    elements = ElementStore(city, catalogue, clock, lambda: handler.picture, positions, readings)
    camera_health = CameraHealth(CameraHealthStore(engine), clock)
    cameras = CameraRegister(
        elements=elements,
        store=CameraStore(engine),
        health=camera_health,
        handler=handler,
        authority=authority,
        organisations=organisations,
        territory=responsibility.territory,
        clock=clock,
        loopback=settings.demo,
    )
    health.watch("cameras", lambda: camera_health.probe(cameras.counts))
    health.watch("tracks", tracks.state)
    traffic = Traffic(travel, StreetFinder(city.graph, travel.snapper), elements, clock)
    health.watch("traffic", traffic.state)
    speed_history = SpeedHistory(settings.data / "speeds", graph_identity(city.graph))
    speeds = StreetSpeeds(
        travel=travel,
        matcher=Matcher(city.graph, travel.snapper),
        file=SpeedFile(settings.data / "speeds", graph_identity(city.graph)),
        history=speed_history,
        positions=positions,
        picture=lambda: handler.picture,
        affected=lambda: traffic.affected,
        clock=clock,
        time_zone=city.time_zone,
    )
    health.watch("speeds", speeds.state)
    ground = Ground(city.graph)
    intake = Intake(
        clock=clock,
        handler=handler,
        authority=authority,
        catalogue=catalogue,
        positions=positions,
        tracks=tracks,
        elements=elements,
        cameras=cameras,
        health=health,
        ground=ground,
        snap_distance=travel.street_distance_m,
        follower=speeds.take,
    )
    scene = SceneService(
        travel=travel,
        positions=positions,
        elements=elements,
        authority=authority,
        organisations=organisations,
        jurisdictions=jurisdictions,
        clock=clock,
        picture=lambda: handler.picture,
        history=history,
        past=past,
        org_of=org_of,
        duty_circles=duty_circles,
        has_address=cameras.has_address,
        movement=movement,
    )
    expected = ExpectedIncidents(city, history, past, clock, lambda: travel.streets, elements, authority.is_confidential)
    coverage = Coverage(
        city=city,
        travel=travel,
        positions=positions,
        authority=authority,
        jurisdictions=jurisdictions,
        expected=expected,
        clock=clock,
        picture=lambda: handler.picture,
        movement=movement,
    )
    checks = CircleChecks(organisations, elements, ground)
    drills = Drills(duty_circles, checks, scene, authority, city.projection, clock, lambda: handler.picture)

    def is_home(unit: Unit, lon: float, lat: float) -> bool:
        return responsibility.territory(lon, lat) in organisations.reach(unit.org_code, clock.now().date())

    deadlines = DeadlineWatch(handler, clock, organisations, targets, scene.next_nearest)
    health.watch("deadlines", deadlines.state)
    duty = DutyWatch(handler, clock, organisations)
    health.watch("duty", duty.state)
    account_store, audit = AccountStore(engine), AuditLog(engine)
    needs_second = settings.admin_second_factor and not settings.demo
    accounts = Accounts(account_store, organisations, clock, settings.session_idle_s, hasher, admins_need_second_factor=needs_second)
    hosts = settings.hosts_for_webhooks | LOOPBACK if settings.demo else settings.hosts_for_webhooks
    webhooks = Webhooks(WebhookStore(engine), accounts, authority, history, bus, lambda: handler.picture, clock, hosts)
    health.watch("webhooks", webhooks.health)
    personal = PersonalData(history, authority, audit, clock)
    gateway = _video_gateway(settings, clock, ZoneInfo(city.time_zone))
    video = VideoWatch(
        gateway=gateway,
        source=CameraStore(engine).get,
        is_camera=lambda camera_id: elements.has("street_camera", camera_id),
        sight=authority,
        log=audit,
        clock=clock,
    )
    health.watch("video", video.state)
    camera_health.follow(gateway.states)
    ring = VideoRing(settings.data / "ring")
    recording = Recording(
        gateway=gateway,
        ring=ring,
        sources=CameraStore(engine).several,
        picture=lambda: handler.picture,
        nearest=scene.nearest_cameras,
        clock=clock,
        most=min(settings.video_ring_cameras, DEMO_RECORDED) if settings.demo else settings.video_ring_cameras,
        minutes=settings.video_ring_minutes,
        most_bytes=settings.video_ring_max_bytes,
        quality=Quality(settings.video_ring_quality),
    )
    health.watch("recording", recording.state)
    evidence = Evidence(EvidenceFiles(settings.data / "evidence"), handler, clock, settings.upload_max_bytes, ZoneInfo(city.time_zone))
    clips = Clips(
        ring=ring,
        folder=settings.data / "evidence" / "clips",
        evidence=evidence,
        handler=handler,
        authority=authority,
        camera_name=elements.camera_name,
        log=audit,
        clock=clock,
        city_code=organisations.city.code,
    )
    health.watch("clips", clips.state)
    whereabouts = Whereabouts(positions, tracks)
    scene_video = SceneVideo(
        RecordingFiles(settings.data / "evidence" / "scene"),
        evidence,
        authority,
        handler,
        history,
        clock,
        whereabouts.now,
        whereabouts.between,
    )
    elements.supply("scene_video", partial(sending_crews, scene_video, lambda: handler.picture, positions))
    turning = OnvifDriver(clock)
    track_holds = TrackHolds(TrackHoldStore(engine), authority, history, lambda: handler.picture, audit, clock)
    track_retention = TrackRetention(tracks, speed_history, track_holds, settings.tracks_keep_days, ZoneInfo(city.time_zone), clock)
    health.watch("track_retention", track_retention.state)
    monthly_facts = MonthlyFacts(
        journal, past, settings.data / "kpis", ZoneInfo(city.time_zone), org_of, f"{city.folder.name} {areas_digest(city)}"
    )
    kpis = KpiService(
        monthly_facts,
        authority,
        organisations,
        targets,
        clock,
    )
    zone = ZoneInfo(city.time_zone)
    render = partial(_report_files, city=city, codes=codes, organisations=organisations, language=settings.report_language)
    report_folder = settings.report_folder or settings.data / "reports"
    daily_reports = DailyReports(kpis, history, authority, organisations, clock, zone, report_folder, render, SUFFIXES, tracks)
    health.watch("daily_report", daily_reports.state)
    services = Services(
        demo=settings.demo,
        clock=clock,
        city=city,
        base_map=BaseMap(city.tiles_path),
        catalogue=catalogue,
        codes=codes,
        organisations=organisations,
        travel=travel,
        traffic=traffic,
        speeds=speeds,
        places=load_places(city.folder / "places.npz"),
        targets=targets,
        responsibility=responsibility,
        handler=handler,
        personal=personal,
        premises=Premises(authority, history, clock),
        further_calls=FurtherCalls(authority, personal, codes.family_of),
        kpis=kpis,
        daily_reports=daily_reports,
        after_actions=AfterActions(),
        calibrations=Calibrations(history, authority, organisations, clock, lambda: handler.picture, city.time_zone),
        history=history,
        imported=ImportedIncidents(past, monthly_facts, org_of),
        bus=bus,
        positions=positions,
        tracks=tracks,
        track_questions=TrackQuestions(tracks, authority, personal, lambda: handler.picture, clock),
        track_holds=track_holds,
        track_retention=track_retention,
        pasts=Pasts(readings, PastSpeeds(city.graph, speed_history, city.time_zone)),
        intake=intake,
        elements=elements,
        cameras=cameras,
        video=video,
        recording=recording,
        recorded=RecordedWatch(video, ring, settings.data / "recorded", authority, clock),
        clips=clips,
        ptz=Ptz(turning, cameras, authority, organisations, audit, clock),
        camera_directions=CameraDirections(turning, cameras, authority, clock),
        scene=scene,
        pursuit=PursuitService(
            streets=travel.escape_streets(), travel=travel, scene=scene, elements=elements, authority=authority, clock=clock
        ),
        expected=expected,
        coverage=coverage,
        what_if=WhatIf(city=city, coverage=coverage, travel=travel, elements=elements, organisations=organisations, authority=authority),
        authority=authority,
        accounts=accounts,
        certificates=Certificates(CertificateStore(engine), accounts, audit, clock),
        certificate_proxies=settings.trusted_proxies,
        takes_certificates=settings.tls_client_ca is not None or bool(settings.trusted_proxies),
        oidc=_identity_provider(settings, clock),
        enrolment=Enrolment(account_store, accounts, audit, clock),
        sessions=Sessions(accounts, authority, audit, clock),
        evidence=evidence,
        scene_video=scene_video,
        playback=Playback(settings.data / "playback", scene_video, evidence, clock),
        marked_copies=MarkedCopies(evidence, clock, ZoneInfo(city.time_zone), FONTS),
        health=health,
        screens=Screens(authority, clock),
        webhooks=webhooks,
        deadlines=deadlines,
        stages=StageWatch(trails, lambda: handler.picture, clock, is_home),
        duty=duty,
        beats=Beats.of_city(city),
        duty_circles=duty_circles,
        camera_groups=CameraGroups(elements, authority, organisations, jurisdictions, duty_circles, clock, cameras.has_address),
        drills=drills,
    )
    return Node(services, settings, tracks)


def _report_files(report: DailyReport, city: City, codes: Codes, organisations: OrganisationTree, language: str) -> dict[str, bytes]:
    words = words_in(language)

    def type_of(type_id: str) -> str:
        known = codes.type_by_id.get(type_id)
        return words.pick(known.zh, known.en) if known else type_id

    return files_of(report, Names(type_of, lambda code: organisation_name(organisations, code, words), ZoneInfo(city.time_zone), words))


def _video_gateway(settings: Settings, clock: Clock, zone: ZoneInfo) -> VideoGateway:
    """Raises SettingsError when an engine's secret can't be read."""
    limits = Limits(settings.video_streams, settings.video_cpu_percent / 100.0, settings.video_transcodes, settings.video_viewers)
    ring = settings.data / "ring" if settings.video_ring_cameras else None
    own = EmbeddedGateway(clock, settings.video_processes, limits, Timing(linger_s=settings.video_linger_s), ring=ring, zone=zone)
    if settings.video_engine == "embedded":
        return own
    api, rtsp = settings.video_engine_api, settings.video_engine_rtsp
    secret = _one_line("video_engine_secret", settings.video_engine_secret)
    if settings.video_engine == "mediamtx":
        return EngineGateway(MediaMtx(api, rtsp, settings.video_engine_user, secret), own)
    wvp = Wvp(settings.video_wvp_api, _one_line("video_wvp_key", settings.video_wvp_key)) if settings.video_wvp_api else None
    return EngineGateway(ZlMediaKit(api, rtsp, secret, wvp), own, wvp)


def _one_line(name: str, path: Path | None) -> str:
    """The secret in a file. Raises SettingsError."""
    try:
        secret = "" if path is None else path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} {path} can't be read: {error}; name a file with the secret in one line") from None
    if not secret or "\n" in secret:
        raise SettingsError(f"{name} {path} must hold one line with the secret")
    return secret


def home_of(jurisdictions: Jurisdictions, city: City) -> Callable[[PastIncident], str]:
    """Whose a past incident is: whoever answers for its place; without one, and outside of all areas, it is the city's own."""

    def code(incident: PastIncident) -> str:
        if incident.lon is None or incident.lat is None:
            return city.code
        found = jurisdictions.locate(incident.lon, incident.lat)
        return city.code if found.outside else found.code

    return code


def areas_digest(city: City) -> str:
    """Changes whenever a place may belong to another organisation."""
    files = (city.folder / name for name in ("organisations.json", "jurisdictions.geojson"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _identity_provider(settings: Settings, clock: Clock) -> Provider | None:
    """Nothing is asked of it before somebody logs in. Raises SettingsError when its secret can't be read."""
    if not settings.oidc_issuer or settings.oidc_secret_file is None:
        return None
    try:
        secret = settings.oidc_secret_file.read_text(encoding="utf-8").strip()
        if settings.oidc_ca is not None:
            ssl.create_default_context(cafile=settings.oidc_ca)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"oidc_secret_file or oidc_ca can't be read: {error}; name a file with the secret, one with certificates"
        ) from None
    if not secret:
        raise SettingsError(f"oidc_secret_file {settings.oidc_secret_file} is empty; write the client's secret into it")
    client = Client(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_redirect, settings.oidc_claim)
    return Provider(client, clock, settings.oidc_ca)
