"""The officer's page in a real Chromium of phone size against a real server: the whole loop, bad reception, kills, hostile text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.node import PASSWORD, Node, wait_for
from tests.browser.phone import Phone, node_with, phone_of, shows_well
from tests.cities import CITY, degrees

pytestmark = pytest.mark.browser
# The page draws with the next frame; on two shared cores that can be late.
expect.set_options(timeout=15_000)

VIDEO = b"\x1aE\xdf\xa3" + os.urandom(8 << 20)
PHOTO = b"\xff\xd8\xff\xe0" + b"\x00" * 2000


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with node_with(tmp_path_factory.mktemp("node"), "car") as running:
        yield running


@pytest.fixture
def phone(node: Node, browser: Browser) -> Iterator[Phone]:
    with phone_of(node, browser) as device:
        yield device


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_whole_loop_with_one_thumb(phone: Phone, node: Node) -> None:
    page = phone.log_in()
    page.wait_for_selector(".head .tick")
    shows_well(page)
    incident_id = phone.pushed(caller={"name": "王女士", "number": "13857412345"})
    expect(page.locator(".push .grade")).to_contain_text("紧急 · 殴打他人")
    expect(page.locator(".push .place")).to_have_text("中山东路 128 号")
    expect(page.locator(".push .shape")).to_be_visible()
    expect(page.locator(".caller a")).to_have_attribute("href", "tel:13857412345")
    expect(page.locator(".push .route")).to_be_visible()
    shows_well(page)
    for event in ("push_delivered", "push_seen"):
        wait_for(lambda event=event: node.events(incident_id, event))
    for step in ("acknowledge", "depart", "arrive"):
        phone.press(step)
    expect(page.locator(".track .done")).to_have_count(3)
    expect(page.locator(".route")).to_have_count(0)
    phone.press("feedback")
    page.click("[data-outcome=settled]")
    page.fill("textarea", "双方已劝离")
    shows_well(page)
    phone.press("send")
    expect(page.locator(".caller b")).to_have_text("138****2345")
    shows_well(page)
    phone.press("clear")
    expect(page.locator(".calm .word")).to_have_text("待命")
    released = wait_for(lambda: node.events(incident_id, "unit_released"))
    told = [e for e in node.events(incident_id) if e["event"] in ("acknowledged", "departed", "arrived", "feedback_given")]
    assert [e["event"] for e in told] == ["acknowledged", "departed", "arrived", "feedback_given"]
    assert {(e["channel"], e["actor"]) for e in [*told, *released]} == {("terminal", "officer-1")}
    assert (told[3]["text"], told[3]["form"]["disposition"]) == ("双方已劝离", "settled")
    expect(page.locator(".note")).to_have_count(0)


def test_the_time_left_counts_down(phone: Phone) -> None:
    page = phone.ready()
    phone.pushed()
    left = page.locator(".push .eta b")
    first = left.inner_text()
    expect(left).not_to_have_text(first)
    minutes, seconds = left.inner_text().split(":")
    assert 60 < int(minutes) * 60 + int(seconds) < 300


def test_a_crew_refuses_with_a_reason(phone: Phone, node: Node) -> None:
    page = phone.ready()
    incident_id = phone.pushed()
    phone.press("refuse")
    expect(page.locator("[data-step=send]")).to_be_disabled()
    page.click(".chips button >> nth=1")
    shows_well(page)
    phone.press("send")
    expect(page.locator(".calm .word")).to_be_visible()
    (refused,) = wait_for(lambda: node.events(incident_id, "push_refused"))
    assert refused["reason"] == "车辆故障"
    expect(page.locator(".push")).to_have_count(0)


def test_a_recall_takes_it_off_the_screen_and_says_why(phone: Phone, node: Node) -> None:
    page = phone.ready()
    incident_id = phone.pushed()
    node.command(incident_id, "recall", unit_ids=["car"], text="误报")
    expect(page.locator(".note.loud")).to_contain_text("派警已撤回")
    expect(page.locator(".note.loud")).to_contain_text("原因：误报")
    expect(page.locator(".push")).to_have_count(0)
    shows_well(page)
    page.click("[data-dismiss=loud]")
    expect(page.locator(".note")).to_have_count(0)
    wait_for(lambda: node.unit("car")["status"] == "available")


def test_hostile_and_endless_text_stays_text(phone: Phone) -> None:
    page = phone.ready()
    hostile = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    phone.pushed(text=hostile * 20, address="", lon=None, lat=None, incident_type="unheard_of", grade=1)
    expect(page.locator(".push .said")).to_contain_text(hostile)
    expect(page.locator(".push .unplaced")).to_have_text("地点待定位")
    expect(page.locator(".push .what")).to_contain_text("unheard of")
    assert page.locator(".push img, .push script").count() == 0
    assert "owned" not in page.title()
    expect(page.locator(".push [data-step=acknowledge]")).to_be_in_viewport(ratio=1)
    shows_well(page)


def test_a_syllable_that_is_being_composed_survives_news(phone: Phone, node: Node) -> None:
    page = phone.ready()
    incident_id = phone.at_scene()
    phone.press("feedback")
    page.click("textarea")
    page.keyboard.type("AZ")
    page.keyboard.press("ArrowLeft")
    keys = phone.context.new_cdp_session(page)
    keys.send("Input.imeSetComposition", {"text": "zhong", "selectionStart": 5, "selectionEnd": 5})
    page.evaluate("document.querySelector('textarea').isTheOne = true")
    node.command(incident_id, "classify", grade=1)
    expect(page.locator(".incident .grade")).to_contain_text("重大")
    page.wait_for_timeout(1100)  # the redraw of each second
    assert page.evaluate("document.activeElement.isTheOne") is True
    keys.send("Input.imeSetComposition", {"text": "zhongg", "selectionStart": 6, "selectionEnd": 6})
    keys.send("Input.insertText", {"text": "中"})
    assert page.input_value("textarea") == "A中Z"
    assert page.evaluate("document.querySelector('textarea').selectionStart") == 2


def test_a_draft_survives_a_reload(phone: Phone) -> None:
    page = phone.ready()
    phone.at_scene()
    phone.press("feedback")
    page.fill("textarea", "写到一半")
    page.wait_for_timeout(200)
    page.reload()
    page.wait_for_selector(".head .tick")
    phone.press("feedback")
    expect(page.locator("textarea")).to_have_value("写到一半")


def test_what_was_pressed_without_a_network_is_sent_with_its_own_time(phone: Phone, node: Node) -> None:
    page = phone.ready()
    page.evaluate("navigator.serviceWorker.ready")
    incident_id = phone.pushed()
    wait_for(lambda: node.events(incident_id, "push_seen"))
    phone.context.set_offline(True)
    phone.press("acknowledge")
    phone.press("depart")
    expect(page.locator(".head .link.down")).to_be_visible()
    expect(page.locator(".track .waiting")).to_have_count(2)
    expect(page.locator(".note").filter(has_text="2 条操作已记下")).to_be_visible()
    shows_well(page)
    page.reload()  # the shell, the incident and the commands are all on the phone
    expect(page.locator(".track .waiting")).to_have_count(2)
    expect(page.locator(".incident .place")).to_have_text("中山东路 128 号")
    page.wait_for_timeout(1500)
    assert not node.events(incident_id, "acknowledged")
    phone.context.set_offline(False)
    expect(page.locator(".track .done:not(.waiting)")).to_have_count(2)
    expect(page.locator(".push")).to_have_count(0)
    first, second = (node.events(incident_id, name)[0] for name in ("acknowledged", "departed"))
    assert instant(first["occurred_at"]) < instant(second["occurred_at"])
    for event in (first, second):
        assert (instant(event["recorded_at"]) - instant(event["occurred_at"])).total_seconds() > 1.4


def test_a_clock_that_is_wrong_does_not_get_on_record(node: Node, browser: Browser) -> None:
    device = Phone(node, browser)
    device.context.add_init_script("const now = Date.now.bind(Date); Date.now = () => now() + 600_000;")
    try:
        device.ready()
        incident_id = device.pushed()
        device.press("acknowledge")
        (event,) = wait_for(lambda: node.events(incident_id, "acknowledged"))
        assert abs((instant(event["recorded_at"]) - instant(event["occurred_at"])).total_seconds()) < 5
        expect(device.page.locator(".note")).to_have_count(0)
    finally:
        device.context.close()
        node.clear_up()


def test_what_the_server_refuses_is_taken_back_and_said(phone: Phone, node: Node) -> None:
    page = phone.ready()
    lon, lat = degrees(100, 820)
    incident_id = phone.pushed(lon=lon, lat=lat)
    phone.press("acknowledge")
    phone.press("depart")
    wait_for(lambda: node.events(incident_id, "departed"))
    phone.context.set_offline(True)
    phone.press("arrive")
    expect(page.locator("[data-stage=arrive].waiting")).to_be_visible()
    node.command(incident_id, "recall", unit_ids=["car"], text="转派他人")
    phone.context.set_offline(False)
    expect(page.locator(".note.bad")).to_contain_text("“到场”未被接受")
    expect(page.locator(".note.bad")).to_contain_text("你已不在这起警情上")
    expect(page.locator(".note.bad")).to_contain_text("recalled (转派他人)")
    expect(page.locator(".note.loud")).to_contain_text("派警已撤回")
    expect(page.locator(".note.loud")).to_contain_text("中山东路 128 号")
    expect(page.locator(".calm .word")).to_be_visible()


@pytest.mark.parametrize("cut", ["kill", "offline", "reload"])
def test_a_video_goes_up_whole_whatever_is_cut(phone: Phone, node: Node, cut: str) -> None:
    page = phone.ready()
    incident_id = phone.at_scene()
    network = phone.slow_upload(2 << 20)
    phone.pick("video", "现场.webm", "video/webm", VIDEO)
    wait_for(lambda: page.evaluate("document.querySelector('.files progress')?.value > 0.3"))
    shows_well(page)
    if cut == "kill":
        node.kill()
        expect(page.locator(".head .link.down")).to_be_visible()
        node.start()
    elif cut == "offline":
        phone.throttle(network, -1, offline=True)
        page.wait_for_selector("[data-state=queued]")
    else:
        page.reload()
    phone.throttle(network, -1)
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as first:
        wait_for(lambda: node.events(incident_id, "upload_added"), 40)
    (added,) = node.events(incident_id, "upload_added")
    assert added["sha256"] == hashlib.sha256(VIDEO).hexdigest()
    assert (added["filename"], added["unit_id"]) == ("现场.webm", "car")
    assert int(first.value.request.headers["upload-offset"]) > 0  # it went on; it did not begin again
    expect(page.locator(".files h2")).to_contain_text("已存 1 件")


def test_files_taken_without_a_network_go_up_by_themselves(phone: Phone, node: Node) -> None:
    page = phone.ready()
    incident_id = phone.at_scene()
    wait_for(lambda: node.events(incident_id, "arrived"))
    phone.context.set_offline(True)
    for name in ("1.jpg", "2.jpg"):
        phone.pick("photo", name, "image/jpeg", PHOTO)
    expect(page.locator("[data-state=queued]")).to_have_count(2)
    node.command(incident_id, "cancel")
    phone.context.set_offline(False)
    expect(page.locator(".note").filter(has_text="本次任务已结束")).to_contain_text("中山东路 128 号")
    added = wait_for(lambda: len(found := node.events(incident_id, "upload_added")) == 2 and found)
    assert [e["filename"] for e in added] == ["1.jpg", "2.jpg"]
    expect(page.locator(".calm .word")).to_be_visible()


def test_a_file_that_is_not_taken_says_why(phone: Phone) -> None:
    page = phone.ready()
    phone.at_scene()
    phone.pick("file", "notes.txt", "text/plain", b"hello")
    failed = page.locator("[data-state=failed]")
    expect(failed).to_contain_text("不支持这种文件")
    expect(failed).to_contain_text("'text/plain' is not accepted; send one of image/jpeg")
    shows_well(page)
    phone.pick("photo", "ok.jpg", "image/jpeg", PHOTO)
    expect(page.locator("[data-state=stored]")).to_contain_text("ok.jpg")
    failed.get_by_role("button", name="不传了").click()
    expect(failed).to_have_count(0)


def test_of_two_pages_of_one_phone_the_newer_has_the_line(phone: Phone, node: Node) -> None:
    old = phone.ready()
    new = phone.open()
    new.goto(f"{node.url}/terminal")
    new.wait_for_selector(".head .tick")
    expect(old.locator(".calm .loud")).to_have_text("已在本机另一页面打开，此页不再接收派警")
    node.incident("car")
    expect(new.locator(".push")).to_be_visible()
    expect(old.locator(".push")).to_have_count(0)
    old.bring_to_front()
    old.get_by_role("button", name="在此页使用").click()
    expect(old.locator(".push")).to_be_visible()
    expect(new.locator(".calm .loud")).to_be_visible()


def test_two_devices_of_one_crew_stand_the_same(phone: Phone, node: Node, browser: Browser) -> None:
    phone.ready()
    car = Phone(node, browser)
    try:
        car.ready()
        phone.pushed()
        car.page.wait_for_selector(".push")
        phone.press("acknowledge")
        expect(car.page.locator("[data-stage=acknowledge].done")).to_be_visible()
        expect(car.page.locator(".push")).to_have_count(0)
    finally:
        car.context.close()


def test_status_language_and_theme(phone: Phone, node: Node) -> None:
    page = phone.ready()
    page.click("[data-open=me]")
    shows_well(page)
    page.click("[data-choice=out_of_service]")
    expect(page.locator(".calm .word")).to_have_text("离岗")
    wait_for(lambda: node.unit("car")["status"] == "out_of_service")
    page.click("[data-open=me]")
    page.click("[data-choice=available]")
    wait_for(lambda: node.unit("car")["status"] == "available")
    page.click("[data-open=me]")
    page.click("[data-choice=en]")
    page.click("[data-choice=light]")
    page.click("[data-do=close]")
    expect(page.locator(".calm .word")).to_have_text("Standing by")
    page.reload()
    expect(page.locator(".calm .word")).to_have_text("Standing by")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(234, 239, 243)"
    shows_well(page)


def test_while_on_an_incident_the_status_is_not_for_setting(phone: Phone) -> None:
    page = phone.ready()
    phone.pushed()
    phone.press("acknowledge")
    page.click("[data-open=me]")
    expect(page.locator("[data-choice=out_of_service]")).to_be_disabled()


def test_logging_out_leaves_nothing_of_the_incident_behind(phone: Phone, node: Node) -> None:
    page = phone.ready()
    phone.pushed(caller={"name": "王女士", "number": "13857412345"})
    phone.press("acknowledge")
    page.click("[data-open=me]")
    page.click("[data-do=logout]")
    page.wait_for_url("**/login**")
    page.goto(f"{node.url}/terminal")
    page.wait_for_url("**/login**")
    kept = page.evaluate("""() => new Promise((resolve) => {
      const opened = indexedDB.open('liandong-terminal');
      opened.onsuccess = () => {
        const asked = opened.result.transaction('shown').objectStore('shown').getAllKeys();
        asked.onsuccess = () => resolve(asked.result);
      };
    })""")
    assert kept == ["codes"]


def test_a_log_in_that_ends_sends_the_page_to_log_in_again(phone: Phone, node: Node) -> None:
    page = phone.ready()
    phone.context.clear_cookies()
    page.reload()
    page.wait_for_url("**/login**")


def test_an_account_without_a_crew_is_told_so(node: Node, browser: Browser) -> None:
    node.accounts.add_user("desk-person", PASSWORD, "operator", CITY)
    device = Phone(node, browser)
    try:
        page = device.log_in("desk-person")
        expect(page.locator(".calm .loud")).to_have_text("此账号没有对应的警力，不能接警。请联系管理员。")
        shows_well(page)
        page.get_by_role("button", name="退出登录").click()
        page.wait_for_url("**/login**")
    finally:
        device.context.close()


def test_chromium_finds_nothing_that_keeps_it_from_being_installed(phone: Phone, node: Node) -> None:
    page = phone.ready()
    page.evaluate("navigator.serviceWorker.ready")
    browser = phone.context.new_cdp_session(page)
    found = browser.send("Page.getAppManifest")
    assert (found["url"], found["errors"]) == (f"{node.url}/terminal/manifest.webmanifest", [])
    hindrances = browser.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A test's browser profile is one that nothing is ever installed in.
    assert {one["errorId"] for one in hindrances} <= {"in-incognito"}
    answer = phone.context.request.get(found["url"])
    assert answer.headers["content-type"] == "application/manifest+json"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_the_page_offers_to_be_installed_when_the_browser_does(phone: Phone) -> None:
    page = phone.ready()
    offer = page.locator(".checks [data-do=install]")
    expect(offer).to_have_count(0)
    page.evaluate("""() => {
      const offer = new Event('beforeinstallprompt', { cancelable: true });
      offer.prompt = async () => { window.wasAsked = (window.wasAsked ?? 0) + 1; };
      dispatchEvent(offer);
      window.ownBanner = !offer.defaultPrevented;
    }""")
    expect(offer).to_have_text("安装到手机桌面")
    shows_well(page)
    page.click("[data-open=me]")
    expect(page.locator(".sheet [data-do=install]")).to_be_visible()
    shows_well(page)
    page.click("[data-do=close]")
    offer.click()
    expect(offer).to_have_count(0)
    assert page.evaluate("[wasAsked, ownBanner]") == [1, False]


def test_positions_reach_the_picture(phone: Phone, node: Node) -> None:
    phone.ready()
    lon, lat = degrees(320, 240)
    row = wait_for(lambda: (unit := node.unit("car"))["lon"] is not None and unit)
    assert (row["lon"], row["lat"]) == pytest.approx((lon, lat), abs=1e-5)
    page = phone.page
    checks = page.locator(".checks")
    expect(checks).to_contain_text("定位正常")
    page.evaluate("window.trueNow = Date.now; Date.now = () => trueNow() + 130_000")
    expect(checks).to_contain_text("超过两分钟没有新定位")
    page.evaluate("Date.now = trueNow")
    expect(checks).to_contain_text("定位正常")
    page.context.set_geolocation({"longitude": lon + 10, "latitude": lat})
    expect(checks).to_contain_text("定位被服务器拒收")
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator(".calm")).to_contain_text("收不到派警")


def test_what_is_known_of_the_place_stands_on_the_push_until_it_is_lifted(phone: Phone, node: Node) -> None:
    headers = {"Authorization": f"Bearer {node.accounts.add_token('commander', CITY)}"}
    earlier = node.incident()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    node.command(earlier, "warn_place", headers=headers, warning="armed", text="门后有斧头", expires_at=tomorrow)
    page = phone.ready()
    phone.pushed()
    warning = page.locator(".push .warning")
    expect(warning).to_have_text("⚠ 有人持械门后有斧头")
    shows_well(page)
    node.command(earlier, "warn_place", headers=headers, warning="dog", text="两条", expires_at=tomorrow)
    expect(warning).to_have_count(2)
    for event in node.events(earlier, "place_warned"):
        node.command(earlier, "lift_warning", headers=headers, warning_id=event["warning_id"], text="已搬走")
    expect(warning).to_have_count(0)
