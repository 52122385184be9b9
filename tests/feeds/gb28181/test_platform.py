"""The conversation with devices: registration, catalogue, subscriptions, positions, alarms, refusals, each answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import Grade
from feeds.gb28181 import platform as platforms
from feeds.gb28181 import sip
from feeds.gb28181.reporting import Options
from feeds.gb28181.requests import MAX_TRIES, Peer
from geodata.datum import TO_WGS84
from tests.feeds.gb28181.device import Device, item, serial_of, status_of, xml
from tests.feeds.gb28181.line import BODY_CAMERA, CAMERA, DEVICE, HERE, SECOND_CAMERA, Line
from tests.operations.fakes import COUNTY, START

ELSEWHERE = Peer("UDP", "10.0.0.77", 5060)
PLACED = {"Longitude": 121.5, "Latitude": 29.9}


def position(lon: float, lat: float, after_s: float = 0.0, *more: str) -> tuple[str, ...]:
    at = (START + timedelta(hours=8, seconds=after_s)).strftime("%Y-%m-%dT%H:%M:%S")
    return (f"<Time>{at}</Time>", f"<Longitude>{lon}</Longitude>", f"<Latitude>{lat}</Latitude>", *more)


def alarm(method: int = 5, priority: int = 1, after_s: float = 0.0) -> tuple[str, ...]:
    at = (START + timedelta(hours=8, seconds=after_s)).strftime("%Y-%m-%dT%H:%M:%S")
    told = f"<AlarmPriority>{priority}</AlarmPriority><AlarmMethod>{method}</AlarmMethod><AlarmTime>{at}</AlarmTime>"
    return (told, "<AlarmDescription>绊线</AlarmDescription><Info><AlarmType>6</AlarmType></Info>")


# Registration ---------------------------------------------------------------------------------------------------------


async def test_a_device_with_the_right_password_is_registered_and_told_the_time_in_china():
    line = Line()
    challenge = await line.say(line.device.register())
    assert status_of(challenge) == 401
    accepted = await line.say(line.device.register(challenge, expires=7200))
    assert status_of(accepted) == 200
    assert b"\r\nExpires: 7200\r\n" in accepted
    assert b"\r\nDate: 2026-03-01T16:00:00.000\r\n" in accepted
    assert b";rport=5060;received=10.0.0.9" in accepted
    assert line.platform.state()["devices"] == line.stats.sessions == 1


@pytest.mark.parametrize(
    ("version", "algorithm", "offered"), [("2.0", "MD5", 1), ("3.0", "SHA-256", 2), ("3.0", "MD5", 2), ("3.0", "SM3", 2)]
)
async def test_devices_of_2022_are_offered_more_than_md5(version, algorithm, offered):
    line = Line()
    challenge = await line.say(line.device.register(None, 3600, "MD5", f"X-GB-Ver: {version}"))
    assert challenge.count(b"WWW-Authenticate") == offered
    answer = await line.say(line.device.register(challenge, 3600, algorithm, f"X-GB-Ver: {version}"))
    assert status_of(answer) == 200
    assert b"X-GB-Ver: 3.0" in answer


@pytest.mark.parametrize(
    ("device", "peer", "reason"),
    [
        (Device(DEVICE, "wrong"), HERE, "wrong_password"),
        (Device("33020300001180000099"), HERE, "unknown_device"),
        (Device("camera"), HERE, "bad_device_id"),
    ],
)
async def test_a_wrong_password_a_stranger_and_no_id_are_refused_and_counted(device, peer, reason):
    line = Line()
    challenge = await line.say(device.register(), peer)
    answer = await line.say(device.register(challenge), peer) if status_of(challenge) == 401 else challenge
    assert status_of(answer) in (400, 403)
    assert line.stats.rejected[reason] == 1
    assert line.platform.state()["devices"] == 0


async def test_a_challenge_is_for_one_address_and_for_two_minutes():
    line = Line()
    challenge = await line.say(line.device.register())
    assert status_of(await line.say(line.device.register(challenge), ELSEWHERE)) == 401
    line.house.clock.advance(121)
    assert status_of(await line.say(line.device.register(challenge))) == 401
    assert line.platform.state()["devices"] == 0


async def test_guessing_is_slowed_even_with_the_right_guess_in_the_end():
    line = Line()
    challenge = await line.say(line.device.register())
    for _ in range(20):
        assert status_of(await line.say(Device(DEVICE, "guess").register(challenge))) == 403
    assert status_of(await line.say(line.device.register(challenge))) == 403
    assert line.stats.rejected == {"wrong_password": 20, "too_many_tries": 1}
    line.house.clock.advance(11)
    assert status_of(await line.say(line.device.register(challenge))) == 200


async def test_strangers_may_register_with_the_common_password_only_where_the_site_says_so():
    stranger = Device("33020300001180000099", "everyone")
    for is_open, status in ((False, 403), (True, 200)):
        line = Line(f"{DEVICE}\n* everyone", Options(open_registration=is_open))
        assert status_of(await line.say(stranger.register(await line.say(stranger.register())))) == status


async def test_a_registration_ends_when_it_is_not_renewed_and_when_the_device_says_so():
    line = Line()
    await line.register()
    line.asked(after_s=3601)
    assert line.platform.state()["devices"] == 0
    assert line.stats.rejected == {"expired": 1}
    assert status_of(await line.say(line.device.notify("Keepalive", "<Status>OK</Status>"))) == 403
    await line.register()
    challenge = await line.say(line.device.register(expires=0))
    assert status_of(await line.say(line.device.register(challenge, expires=0))) == 200
    assert line.platform.state()["devices"] == line.stats.sessions == 0


async def test_what_comes_from_another_address_is_not_the_devices():
    line = Line()
    await line.register()
    assert status_of(await line.say(line.device.notify("Keepalive"), ELSEWHERE)) == 403
    assert line.stats.rejected == {"wrong_address": 1}
    assert status_of(await line.say(line.device.notify("Keepalive"), HERE._replace(port=40001))) == 200


async def test_silence_is_seen_and_ends_with_the_next_beat():
    line = Line()
    await line.register()
    line.house.clock.advance(181)
    assert line.platform.state()["silent"] == 1
    await line.say(line.device.notify("Keepalive"))
    assert line.platform.state()["silent"] == 0


# Catalogue ------------------------------------------------------------------------------------------------------------


async def test_a_new_device_is_asked_for_its_catalogue_and_its_notifications():
    line = Line()
    await line.register()
    asked = line.asked()
    assert [sip.parse(data).method for data in asked] == ["MESSAGE", "SUBSCRIBE", "SUBSCRIBE", "SUBSCRIBE"]
    assert [b"<CmdType>" + name in data for data, name in zip(asked, (b"Catalog", b"MobilePosition", b"Catalog", b"Alarm"), strict=True)]
    assert all(data.startswith(b"MESSAGE sip:33020300001180000001@10.0.0.9:5060") for data in asked[:1])


async def test_questions_are_asked_again_until_they_are_answered():
    line = Line()
    await line.register()
    first = line.asked()
    await line.say(line.device.ok(first[0]))
    for data in first[1:3]:
        await line.say(line.device.ok(data, "489 Bad Event"))
    assert line.asked(0.5) == first[3:]
    for wait_s in (1, 2, 4, 8):
        line.house.clock.advance(wait_s)
        again = [data for _, data in line.platform.due()]
    assert again == []
    assert line.platform.state()["unanswered"] == 1
    assert MAX_TRIES == 5


async def test_a_catalogue_in_parts_becomes_cameras_with_their_organisation():
    line = Line()
    await line.register()
    sn = serial_of(line.asked()[0])
    for channel in (item(CAMERA, **PLACED), item(SECOND_CAMERA, name="解放南路", Status="OFF", **PLACED)):
        part = line.device.notify("Catalog", "<SumNum>2</SumNum>", f'<DeviceList Num="1">{channel}</DeviceList>', kind="Response", sn=sn)
        assert status_of(await line.say(part)) == 200
    camera = line.camera(CAMERA)
    assert (camera.lon, camera.lat) == (121.5, 29.9)
    expected = {"name": "中山东路1", "status": "on", "maker": "Acme", "model": "C1", "civil_code": "330203", "org_code": COUNTY}
    assert camera.properties == expected
    assert line.camera(SECOND_CAMERA).properties["status"] == "off"
    assert [source.url for source in line.house.cameras.kept] == [f"gb28181://{DEVICE}/{CAMERA}", f"gb28181://{DEVICE}/{SECOND_CAMERA}"]
    # It is whole: asked again after hours, not after minutes.
    assert not any(data.startswith(b"MESSAGE") and serial_of(data) != sn for data in line.asked(601))


async def test_a_catalogue_that_stays_incomplete_is_asked_for_again_and_counted():
    line = Line()
    await line.register()
    sn = serial_of(line.asked()[0])
    part = line.device.notify("Catalog", "<SumNum>2</SumNum>", f"<DeviceList>{item(CAMERA, **PLACED)}</DeviceList>", kind="Response", sn=sn)
    await line.say(part)
    await line.say(part)  # twice the same entry are not two
    assert any(data.startswith(b"MESSAGE") and serial_of(data) != sn for data in line.asked(601))
    assert line.stats.rejected["catalogue_incomplete"] == 1


@pytest.mark.parametrize("encoding", ["GB2312", "gb18030", "UTF-8"])
async def test_names_come_right_in_every_encoding(encoding):
    line = Line()
    await line.register()
    lines = ("<SumNum>1</SumNum>", f"<DeviceList>{item(CAMERA, name='鄞州区堇山路', **PLACED)}</DeviceList>")
    await line.say(line.device.notify("Catalog", *lines, kind="Response", encoding=encoding))
    assert line.camera(CAMERA).properties["name"] == "鄞州区堇山路"


async def test_a_body_that_says_gb2312_and_is_utf_8_is_read_as_what_it_is():
    line = Line()
    await line.register()
    body = xml("Notify", "Catalog", DEVICE, f"<DeviceList>{item(CAMERA, **PLACED)}</DeviceList>", encoding="UTF-8").replace(
        b"UTF-8", b"GB2312"
    )
    await line.say(line.device.request("MESSAGE", body))
    assert line.camera(CAMERA).properties["name"] == "中山东路1"


async def test_a_camera_without_a_place_stays_where_a_person_has_put_it_or_is_counted():
    line = Line()
    await line.register()
    await line.add_camera(CAMERA, 121.51, 29.91)
    entries = f"<DeviceList>{item(CAMERA)}{item(SECOND_CAMERA, Longitude=0, Latitude=0)}</DeviceList>"
    await line.say(line.device.notify("Catalog", "<SumNum>2</SumNum>", entries, kind="Response"))
    assert (line.camera(CAMERA).lon, line.camera(CAMERA).properties["name"]) == (121.51, "中山东路1")
    assert line.camera(SECOND_CAMERA) is None
    assert line.platform.state()["cameras_without_place"] == 1


async def test_the_sites_datum_is_converted():
    line = Line(datum="gcj02")
    await line.register()
    await line.say(line.device.notify("Catalog", f"<DeviceList>{item(CAMERA, **PLACED)}</DeviceList>"))
    lon, lat = TO_WGS84["gcj02"](121.5, 29.9)
    assert (line.camera(CAMERA).lon, line.camera(CAMERA).lat) == (float(lon), float(lat))


async def test_a_notification_of_a_change_changes_the_state_alone():
    line = Line()
    await line.register()
    await line.say(line.device.notify("Catalog", f"<DeviceList>{item(CAMERA, **PLACED)}</DeviceList>"))
    for event, status in (("VLOST", "fault"), ("OFF", "off"), ("ON", "on"), ("DEL", "removed")):
        lines = f"<DeviceList><Item><DeviceID>{CAMERA}</DeviceID><Event>{event}</Event></Item></DeviceList>"
        await line.say(line.device.notify("Catalog", lines, method="NOTIFY"))
        assert line.camera(CAMERA).properties["status"] == status
        assert line.camera(CAMERA).properties["name"] == "中山东路1"


async def test_the_same_catalogue_again_writes_nothing_into_the_journal():
    line = Line()
    await line.register()
    for _ in range(2):
        await line.say(line.device.notify("Catalog", f"<DeviceList>{item(CAMERA, **PLACED)}</DeviceList>"))
    assert len(line.house.handler.commands) == 1


async def test_one_device_does_not_speak_for_the_channels_of_another():
    line = Line(f"{DEVICE} secret\n33020300001180000002 secret")
    await line.register()
    await line.say(line.device.notify("Catalog", f"<DeviceList>{item(CAMERA, **PLACED)}</DeviceList>"))
    line.device = Device("33020300001180000002")
    await line.register()
    await line.say(line.device.notify("Catalog", f"<DeviceList>{item(CAMERA, name='x', **PLACED)}</DeviceList>"))
    assert line.camera(CAMERA).properties["name"] == "中山东路1"
    assert line.stats.rejected == {"not_own_channel": 1}


# Positions ------------------------------------------------------------------------------------------------------------


async def test_a_body_camera_moves_the_unit_that_carries_it_and_is_no_street_camera():
    line = Line()
    await line.add_unit("patrol-7", BODY_CAMERA)
    await line.register()
    await line.say(line.device.notify("Catalog", f"<DeviceList>{item(BODY_CAMERA, **PLACED)}</DeviceList>"))
    assert line.camera(BODY_CAMERA) is None
    body = xml("Notify", "MobilePosition", BODY_CAMERA, *position(121.5, 29.9, 0, "<Speed>36</Speed>", "<Direction>90</Direction>"))
    assert status_of(await line.say(line.device.request("NOTIFY", body))) == 200
    assert line.house.place_of("patrol-7") == (121.5, 29.9)
    assert line.house.tracks.fixes == [("patrol-7", START.timestamp(), 121.5, 29.9)]


async def test_positions_pass_the_same_checks_as_everybodys():
    line = Line()
    await line.add_unit("patrol-7", DEVICE)
    await line.register()
    for lines in (position(0, 0), position(121.5, 29.9, 3600), position(500, 29.9), position(121.5, 29.9)[1:], position("x", 29.9)):  # type: ignore[arg-type]
        assert status_of(await line.say(line.device.notify("MobilePosition", *lines))) == 200
    assert line.stats.rejected == {"no_fix": 1, "future": 1, "not_a_number": 1, "bad_time": 1, "bad_body": 1}
    assert line.house.place_of("patrol-7") is None


async def test_a_list_of_positions_as_the_2022_version_has_it():
    line = Line()
    await line.add_unit("patrol-7", BODY_CAMERA)
    await line.register()
    items = "".join(
        f"<Item><DeviceID>{BODY_CAMERA}</DeviceID><CaptureTime>2026-03-01T15:59:{s}</CaptureTime>"
        f"<Longitude>121.5</Longitude><Latitude>29.9</Latitude></Item>"
        for s in (10, 20)
    )
    await line.say(line.device.notify("MobilePosition", f"<SumNum>2</SumNum><DeviceList>{items}</DeviceList>"))
    assert len(line.house.tracks.fixes) == 2


async def test_a_position_of_a_device_that_nobody_carries_is_counted_or_makes_a_unit_where_that_is_open():
    for is_open in (False, True):
        line = Line(f"{DEVICE} secret\n* common", Options(open_registration=is_open))
        await line.register()
        await line.say(line.device.notify("MobilePosition", *position(121.5, 29.9)))
        assert bool(line.house.tracks.fixes) is is_open
        assert line.stats.rejected["unknown_tracker"] == (0 if is_open else 1)
        assert not any(DEVICE in unit_id for unit_id in line.house.handler.picture.units)


# Alarms ---------------------------------------------------------------------------------------------------------------


async def test_an_alarm_is_shown_at_its_camera_and_acknowledged_as_the_standard_wants():
    line = Line()
    await line.register()
    await line.add_camera(DEVICE, name="北门")
    await line.say(line.device.notify("Alarm", *alarm()))
    expected = {"name": "北门", "alarm": "video", "alarm_priority": 1, "alarm_at": START.isoformat(), "alarm_text": "绊线"}
    assert line.camera(DEVICE).properties == expected
    assert (line.camera(DEVICE).lon, line.camera(DEVICE).lat) == (121.51, 29.91)
    assert any(b"<Response>" in data and b"<CmdType>Alarm" in data and b"<Result>OK" in data for data in line.asked())
    assert line.house.handler.picture.incidents == {}


async def test_alarms_become_incidents_only_by_the_methods_the_site_has_named():
    line = Line(options=Options(incident_types={2: "robbery"}))
    await line.register()
    await line.add_camera(DEVICE, name="北门")
    await line.say(line.device.notify("Alarm", *alarm(method=5)))
    await line.say(line.device.notify("Alarm", *alarm(method=2, priority=4)))
    [incident] = line.house.handler.picture.incidents.values()
    assert (incident.incident_type, incident.grade, incident.address, incident.lon) == ("robbery", Grade.ORDINARY, "北门", 121.51)


async def test_an_alarm_that_goes_on_ringing_is_one_incident():
    line = Line(options=Options(incident_types={2: "robbery"}))
    await line.register()
    for after_s in (0, 200, 400, 701):
        line.house.clock.set(START + timedelta(seconds=after_s))
        await line.say(line.device.notify("Alarm", *alarm(method=2, after_s=after_s)))
    assert len(line.house.handler.picture.incidents) == 2


async def test_an_alarm_that_goes_on_ringing_is_written_at_its_camera_once():
    line = Line()
    await line.register()
    await line.add_camera(DEVICE)
    for after_s in (0, 200, 400):
        line.house.clock.set(START + timedelta(seconds=after_s))
        await line.say(line.device.notify("Alarm", *alarm(after_s=after_s)))
    assert len(line.house.handler.commands) == 2  # the camera was set, the alarm was written
    await line.say(
        line.device.notify("Alarm", *alarm(after_s=400)).replace(DEVICE.encode() + b"</DeviceID>", CAMERA.encode() + b"</DeviceID>")
    )
    assert line.stats.rejected == {"alarm_without_camera": 1}


# Whatever else --------------------------------------------------------------------------------------------------------


async def test_everything_unknown_is_answered():
    line = Line()
    await line.register()
    assert status_of(await line.say(line.device.request("INVITE"))) == 405
    assert status_of(await line.say(line.device.request("OPTIONS"))) == 200
    assert status_of(await line.say(line.device.notify("Weather"))) == 200
    assert status_of(await line.say(line.device.request("MESSAGE", b"<Notify>"))) == 400
    assert status_of(await line.say(line.device.request("NOTIFY"))) == 200
    assert await line.say(line.device.request("ACK")) == b""
    assert await line.say(b"SIP/2.0 200 OK\r\n" + line.device.request("MESSAGE").partition(b"\r\n")[2]) == b""
    assert line.stats.rejected == {"unsupported_method": 1, "unsupported_command": 1, "bad_xml": 1, "unasked": 1}


async def test_entities_depth_and_length_of_bodies_are_refused():
    line = Line()
    await line.register()
    laughs = b'<!DOCTYPE a [<!ENTITY b "c">]><Notify><CmdType>&b;</CmdType></Notify>'
    for body in (laughs, b"<a>" * 9 + b"</a>" * 9, b"<a>" + b"<b/>" * 20_001 + b"</a>", b"\xff\xff\x80", b"", b"<Notify>\x01</Notify>"):
        await line.say(line.device.request("MESSAGE", body))
    assert line.stats.rejected == {"bad_xml": 2, "too_long": 2, "bad_encoding": 1}


async def test_who_says_too_much_is_not_answered(monkeypatch):
    monkeypatch.setattr(platforms, "DEVICE_BURST", 2.0)
    line = Line()
    await line.register()
    answers = [await line.say(line.device.notify("Keepalive")) for _ in range(3)]
    assert [bool(answer) for answer in answers] == [True, True, False]
    assert line.stats.rejected == {"rate_limited": 1}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["Keepalive", "Catalog", "MobilePosition", "Alarm", "RecordInfo"]), st.booleans())
async def test_no_body_of_a_device_is_fatal(noise, command, is_whole):
    line = Line(options=Options(incident_types={1: "robbery"}))
    await line.register()
    body = noise if is_whole else xml("Notify", command, DEVICE, "@").replace(b"@", noise)
    answer = await line.say(line.device.request("MESSAGE", body))
    assert status_of(answer) in (200, 400)
