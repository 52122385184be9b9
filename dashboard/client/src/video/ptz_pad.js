// The pad that turns a camera, on its large tile: arrows and zoom by mouse, touch and keys, its presets, a look at the incident, and who
// has it until when. What is pressed moves it, what is let go stops it; so does leaving the page.
import { button, node } from "../nodes.js";
import { on, presentNow, state } from "../state.js";
import { t } from "../words.js";
import { directionOf, turningNow } from "./directions.js";
import { Mover, velocityOf } from "./ptz_mover.js";
import { NotDone, presetsOf, savePreset, stateOf, turn } from "./ptz_requests.js";
import { directionText, holderAt, holderText, notDoneText, whyNot } from "./ptz_words.js";

const STATE_EVERY_MS = 2_000;
const NUDGE_MS = 350; // of a press that has no end, as a screen reader's
const SPEEDS = [0.15, 0.45, 1];
const LONGEST_NAME = 64;
const ROWS = [["up-left", "up", "up-right"], ["left", "halt", "right"], ["down-left", "down", "down-right"]];
const ALONG = { left: { pan: -1 }, right: { pan: 1 }, up: { tilt: 1 }, down: { tilt: -1 }, in: { zoom: 1 }, out: { zoom: -1 } };
const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", "+": "in", "=": "in", "-": "out", "_": "out" };

on("camera-taken", ({ camera_id, by, by_org_name }) => shown?.cameraId === camera_id && shown.lost(by, by_org_name));
on("direction", (cameraId) => shown?.cameraId === cameraId && shown.drawDirection());
for (const topic of ["selection", "incident"]) on(topic, () => shown?.drawLook());
addEventListener("blur", () => shown?.letGo());
document.addEventListener("visibilitychange", () => document.hidden && shown?.letGo());

let shown = null; // one at a time: of the large picture

export class Pad {
  // `incident` answers which one "look at the incident" means: {incident_id, number}, or null; `isLive`, whether the picture behind is of now.
  constructor(camera, incident, isLive) {
    Object.assign(this, { cameraId: camera.id, incident, isLive });
    this.state = null; // as the server told it last
    this.pressed = new Map(); // what is held down: pointer or key → direction
    this.mover = new Mover((what) => this.ask(what), (error) => this.said(error));
    this.build();
    shown = this;
    this.ready = this.begin();
  }

  build() {
    this.root = node("section", "ptz");
    this.root.hidden = true;
    this.root.tabIndex = -1;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", t("Turn this camera"));
    this.parts = {
      holder: node("span", "ptz-holder"), direction: node("span", "ptz-direction"), note: node("p", "ptz-note"), presets: node("div", "ptz-presets"),
      take: button("ptz-take", t("Take this camera over"), () => this.take()), release: button("ptz-release", t("Let it go"), () => this.do({ do: "release" })),
      look: button("ptz-look", "", () => this.look()), save: node("form", "ptz-save"),
    };
    this.parts.holder.setAttribute("role", "status");
    this.parts.note.setAttribute("role", "alert");
    this.parts.note.hidden = true;
    const head = node("header", "ptz-head");
    const close = button("ptz-close", "✕", () => this.show(false));
    close.setAttribute("aria-label", t("Put the pad away"));
    head.append(this.parts.holder, this.parts.take, this.parts.release, close);
    const foot = node("div", "ptz-more");
    foot.append(this.parts.look, this.parts.presets, this.parts.save, this.parts.direction);
    this.buildSave();
    const body = node("div", "ptz-body");
    body.append(this.arrows(), this.zoom(), foot);
    this.root.append(head, this.parts.note, body);
    for (const name of ["click", "dblclick", "pointerdown"]) this.root.addEventListener(name, (event) => event.stopPropagation()); // the tile behind becomes small at a click
    this.root.addEventListener("keydown", (event) => this.keyDown(event));
    this.root.addEventListener("keyup", (event) => this.keyUp(event));
    this.root.addEventListener("focusout", (event) => !this.root.contains(event.relatedTarget) && this.letGo());
  }

  arrows() {
    const grid = node("div", "ptz-arrows");
    const titles = { left: t("Left (←)"), right: t("Right (→)"), up: t("Up (↑)"), down: t("Down (↓)"), "up-left": t("Up and left"), "up-right": t("Up and right"), "down-left": t("Down and left"), "down-right": t("Down and right") };
    for (const [row, names] of ROWS.entries()) {
      for (const [column, name] of names.entries()) {
        if (name === "halt") grid.append(this.halt());
        else grid.append(this.holdable(name, titles[name], "↖↑↗←·→↙↓↘"[3 * row + column]));
      }
    }
    return grid;
  }

  halt() {
    const made = button("ptz-halt", "■", () => this.do({ do: "stop" }));
    made.title = t("Stop");
    made.setAttribute("aria-label", made.title);
    return made;
  }

  zoom() {
    const column = node("div", "ptz-zoom");
    this.speeds = SPEEDS.map((speed, k) => {
      const made = button("ptz-speed", "›".repeat(k + 1), () => this.setSpeed(speed));
      made.setAttribute("aria-label", [t("Slow"), t("Medium"), t("Fast")][k]);
      made.title = made.getAttribute("aria-label");
      return made;
    });
    const speeds = node("div", "ptz-speeds");
    speeds.append(...this.speeds);
    column.append(this.holdable("in", t("Closer (+)"), "+"), this.holdable("out", t("Wider (−)"), "−"), speeds);
    this.setSpeed(SPEEDS[1]);
    return column;
  }

  // A button that acts as long as it is held, by pointer or by key.
  holdable(name, title, sign) {
    const along = name.split("-").map((part) => ALONG[part]).reduce((sum, one) => ({ ...sum, ...one }));
    const made = button(`ptz-hold ${name}`, sign, (event) => event.detail === 0 && this.nudge(along));
    made.title = title;
    made.setAttribute("aria-label", title);
    made.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      made.setPointerCapture(event.pointerId);
      this.press(event.pointerId, along);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) made.addEventListener(end, (event) => this.unpress(event.pointerId));
    made.along = along;
    return made;
  }

  buildSave() {
    const name = Object.assign(document.createElement("input"), { type: "text", maxLength: LONGEST_NAME, required: true, placeholder: t("Name of this view") });
    name.setAttribute("aria-label", name.placeholder);
    const keep = Object.assign(node("button", "", t("Keep")), { type: "submit" });
    this.parts.save.append(name, keep);
    this.parts.save.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await this.act(() => savePreset(this.cameraId, name.value.trim()))) {
        name.value = "";
        await this.loadPresets();
      }
    });
  }

  // Whether it can be turned at all; then it is shown over a live picture, and followed.
  async begin() {
    await this.refresh();
    if (!this.state?.may_operate || shown !== this) return;
    if (this.isLive()) this.show(true);
    this.timer = setInterval(() => !document.hidden && !this.root.hidden && this.follow(), STATE_EVERY_MS);
    await this.loadPresets();
  }

  // Asked for by a person: shown, or in words why not. Answers the words.
  async toggle() {
    await this.ready;
    if (!this.state?.may_operate) return whyNot(this.state ?? {});
    this.show(this.root.hidden);
    if (!this.root.hidden) this.root.focus();
    return "";
  }

  show(isShown) {
    this.letGo();
    this.root.hidden = !isShown;
    turningNow(isShown ? this.cameraId : "");
    this.draw();
  }

  remove() {
    this.letGo();
    clearInterval(this.timer);
    if (shown === this) {
      shown = null;
      turningNow("");
    }
    this.root.remove();
  }

  // What is pressed -------------------------------------------------------------------------------------------------------

  press(by, along) {
    this.note("");
    this.pressed.set(by, along);
    this.mover.want(velocityOf(this.pressed.values(), this.speed));
  }

  unpress(by) {
    if (this.pressed.delete(by)) this.mover.want(velocityOf(this.pressed.values(), this.speed));
  }

  letGo() {
    this.pressed.clear();
    this.mover.stop();
  }

  nudge(along) {
    this.press("nudge", along);
    setTimeout(() => this.unpress("nudge"), NUDGE_MS);
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.tagName === "INPUT") {
      if (event.key !== "Escape") event.stopPropagation();
      return;
    }
    const along = ALONG[KEYS[event.key]] ?? ([" ", "Enter"].includes(event.key) ? event.target.along : undefined);
    if (along) {
      if (!event.repeat) this.press(event.code, along);
    } else if (/^[1-9]$/.test(event.key)) this.parts.presets.children[Number(event.key) - 1]?.click();
    else if (event.key === "0") this.look();
    else return; // the desk's own keys go on
    event.preventDefault();
    event.stopPropagation();
  }

  keyUp(event) {
    if (event.target.along) event.preventDefault(); // Space let go would click as well
    this.unpress(event.code); // not by the sign on it, which is another once Shift is let go
  }

  setSpeed(speed) {
    this.speed = speed;
    this.speeds.forEach((made, k) => made.setAttribute("aria-pressed", String(SPEEDS[k] === speed)));
  }

  // What is asked of the server -------------------------------------------------------------------------------------------

  // A move, a stop: for the mover, which hears of failures itself.
  async ask(what) {
    this.tell(await turn(this.cameraId, what));
  }

  do(what) {
    return this.act(() => this.ask(what));
  }

  take() {
    return this.do({ do: "hold", take_over: true });
  }

  look() {
    const incident = this.incident();
    return incident ? this.do({ do: "look", incident_id: incident.incident_id }) : Promise.resolve(false);
  }

  async act(work) {
    this.note("");
    try {
      await work();
      return true;
    } catch (error) {
      this.said(error);
      return false;
    }
  }

  follow() {
    this.draw(); // a hold ends also while the server does not answer
    this.refresh();
  }

  async refresh() {
    try {
      this.tell(await stateOf(this.cameraId));
    } catch (error) {
      if (!(error instanceof NotDone)) throw error;
      if (!this.root.hidden) this.said(error);
    }
  }

  async loadPresets() {
    try {
      this.presets = await presetsOf(this.cameraId);
    } catch (error) {
      this.presets = [];
      this.said(error);
    }
    this.drawPresets();
  }

  said(error) {
    if (!(error instanceof NotDone)) throw error;
    const isKnown = error.rule === "camera-held" && this.isTaken; // what was on its way is refused too: who has it now says more
    if (!isKnown) this.note(notDoneText(error));
    if (error.rule === "camera-held") this.refresh();
  }

  lost(by, org) {
    this.letGo();
    this.note(t("{name} · {org} has taken it over.", { name: by, org }));
    this.isTaken = true; // until something else is said, or pressed
    this.refresh();
  }

  // What is seen ----------------------------------------------------------------------------------------------------------

  tell(told) {
    this.state = told;
    this.draw();
  }

  note(text) {
    this.isTaken = false;
    this.parts.note.textContent = text;
    this.parts.note.hidden = !text;
  }

  get holder() {
    return holderAt(this.state?.holder, presentNow());
  }

  draw() {
    const { state: told, parts } = this;
    const { holder } = this;
    const isOthers = Boolean(holder && !holder.own);
    const text = told ? holderText(holder) : "";
    if (parts.holder.textContent !== text) parts.holder.textContent = text;
    this.root.classList.toggle("others", isOthers);
    parts.take.hidden = !(isOthers && told.may_take_over);
    parts.release.hidden = !holder?.own;
    parts.save.hidden = !told?.may_save;
    for (const one of this.root.querySelectorAll(".ptz-hold, .ptz-halt, .ptz-presets button, .ptz-save *")) one.disabled = isOthers;
    this.drawLook();
    this.drawDirection();
  }

  drawLook() {
    const { look } = this.parts;
    const incident = this.incident();
    look.textContent = incident ? t("Look at incident #{number} (0)", { number: incident.number }) : t("Look at the incident (0)");
    look.disabled = !incident || Boolean(this.holder && !this.holder.own);
    look.title = incident ? "" : t("Select an incident with a place first.");
  }

  drawPresets() {
    this.parts.presets.replaceChildren(
      ...this.presets.map(({ token, name }, k) => button("ptz-preset", `${k < 9 ? `${k + 1} ` : ""}${name || token}`, () => this.do({ do: "go", preset: token }))),
    );
    this.draw();
  }

  drawDirection() {
    const text = this.root.hidden ? "" : directionText(state.replay ? null : directionOf(this.cameraId));
    if (this.parts.direction.textContent !== text) this.parts.direction.textContent = text;
  }
}
