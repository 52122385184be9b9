"""What a person does at a desk, in its page: find an incident in the queue, press a button of its panel, answer a dialog."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.cities import degrees


def show(page: Page, number: int) -> Locator:
    """Select an incident in the queue; its panel."""
    page.locator(f".card:has(.number:text-is('#{number}'))").click()
    expect(page.locator("#panel-body .head .number").first).to_have_text(f"#{number}")
    return page.locator("#panel-body")


def press(page: Page, command: str, incident_id: str, unit_id: str = "") -> None:
    """The button of the panel that asks for a command of this incident and no other; the fold is opened where it lies behind it."""
    marks = {"command": command, "incident": incident_id} | ({"unit": unit_id} if unit_id else {})
    marked = "".join(f"""[data-press*='"{key}": "{value}"']""" for key, value in marks.items())
    # Not the one that merges with a suggested incident at one press: the one that asks.
    button = page.locator(f"""#panel button{marked}:not([data-press*='"into"'])""").first
    expect(button).to_be_attached()
    if not button.is_visible():
        page.locator("#panel-body .more").click()
    button.click()


def answer(page: Page, text: str = "", choice: str = "") -> None:
    """The dialog that a command opens: what is chosen, in the words of the page, and what is said."""
    expect(page.locator("#ask")).to_be_visible()
    if choice:
        page.click("#ask-choice")
        page.locator("#ask-choice-box").get_by_text(choice, exact=True).last.click()
    page.fill("#ask-text", text)
    page.click("#ask-send")
    expect(page.locator("#ask")).to_be_hidden()


def centre_on(page: Page, east_m: float, north_m: float, zoom: float = 15) -> None:
    """Move the map, and wait until it is drawn there: a click before that would be one on what was drawn."""
    lon, lat = degrees(east_m, north_m)
    page.evaluate(f"void liandong.basemap.map.jumpTo({{center: [{lon}, {lat}], zoom: {zoom}}})")  # the map itself is much to tell
    page.wait_for_function(
        """([lon, lat]) => {
          const drawn = liandong.basemap.overlay._deck?.getViewports()[0];
          return drawn && Math.abs(drawn.longitude - lon) < 1e-6 && Math.abs(drawn.latitude - lat) < 1e-6;
        }""",
        arg=[lon, lat],
    )


def pick_on_the_map(page: Page, east_m: float, north_m: float) -> None:
    """Click a place of the map, moved into view, while a form waits for it."""
    page.wait_for_selector("html.picking")
    centre_on(page, east_m, north_m)
    map_ = page.locator("#map canvas").first.bounding_box()
    assert map_ is not None
    # The open panel shifts the view's middle: the map itself says where the place lies.
    lon, lat = degrees(east_m, north_m)
    x, y = page.evaluate(f"(({{x, y}}) => [x, y])(liandong.basemap.map.project([{lon}, {lat}]))")
    page.mouse.click(map_["x"] + x, map_["y"] + y)
    page.wait_for_selector("html:not(.picking)")


def enter(page: Page, incident_type: str, text: str) -> None:
    """A new incident without a point, by the form."""
    page.keyboard.press("n")
    page.wait_for_selector("#new-dialog:not([hidden])")
    expect(page.locator("#new-type")).to_be_focused()  # the form is ready
    page.click("#new-type")
    page.locator("input[placeholder=Search]").fill(incident_type)
    page.get_by_text(incident_type, exact=True).last.click()
    page.wait_for_selector(f"#new-type:has-text('{incident_type}')")
    page.fill("#new-text", text)
    page.click("#new-submit")
    page.wait_for_selector(f"#panel-body:has-text('{text}')")


def fill_in(page: Page, form: str, text: str, grade: str = "") -> None:
    """The form `classify` or `split`; `grade` in the words of the page."""
    page.wait_for_selector(f"#{form}-dialog:not([hidden])")
    page.fill(f"#{form}-text", text)
    if grade:
        page.locator(f"#{form}-grade label", has_text=grade).click()
    page.click(f"#{form}-send")
    expect(page.locator(f"#{form}-dialog")).to_be_hidden()
