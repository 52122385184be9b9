"""A double of an ONVIF camera, as its WSDL and devices of the trade answer: signed requests, faults, services at their own paths.

It reads requests with the library's own XML reader, not with ours, and takes nothing for granted of what the driver sends.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote
from xml.etree import ElementTree

import httpx

from dispatch.clock import Clock

S = "{http://www.w3.org/2003/05/soap-envelope}"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
TDS, TRT, TPTZ = (
    "{http://www.onvif.org/ver10/device/wsdl}",
    "{http://www.onvif.org/ver10/media/wsdl}",
    "{http://www.onvif.org/ver20/ptz/wsdl}",
)
TT = "{http://www.onvif.org/ver10/schema}"
SPACES = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri.strip("{}")}"'
    for prefix, uri in {"s": S, "tds": TDS, "trt": TRT, "tptz": TPTZ, "tt": TT, "ter": "{http://www.onvif.org/ver10/error}"}.items()
)


@dataclass
class OnvifCamera:
    """One camera at 10.1.1.9, which believes to be at another address, as behind address translation."""

    clock: Clock
    user: str = "admin"
    password: str = "pass word&<1>"
    ahead: timedelta = timedelta(0)  # of its clock
    spaces: tuple[tuple[str, float, float, float, float], ...] = (("PositionGenericSpace", -1, 1, -1, 1),)
    tells_position: bool = True
    presets: dict[str, str] = field(default_factory=lambda: {"1": "北口", "2": "Gate <A>"})
    position: tuple[float, float] = (0.0, 0.25)
    position_told: str = ""  # space in which it tells its position; empty: it doesn't say
    zoom: float | None = None
    asked: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    velocity: tuple[float, float, float] | None = None
    timeout: str = ""
    position_space: str = ""

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url))
        root = ElementTree.fromstring(request.content)
        assert root.tag == f"{S}Envelope"
        body = root.find(f"{S}Body")
        assert body is not None
        (call,) = body
        name = call.tag.rpartition("}")[2]
        self.asked.append(name)
        if name != "GetSystemDateAndTime" and not self._is_signed(root):
            return fault("Sender", "ter:NotAuthorized", "Sender not authorized", 400)
        path = {TDS: "/onvif/device_service", TRT: "/onvif/media", TPTZ: "/onvif/ptz"}[call.tag.removesuffix(name)]
        if request.url.path != path:
            return httpx.Response(404, text="<html>not here</html>")
        return self._of(name, call)

    def _is_signed(self, root: ElementTree.Element) -> bool:
        token = root.find(f"{S}Header/{WSSE}Security/{WSSE}UsernameToken")
        if token is None:
            return False
        user, digest, nonce, created = (
            token.findtext(path) or "" for path in (f"{WSSE}Username", f"{WSSE}Password", f"{WSSE}Nonce", f"{WSU}Created")
        )
        expected = base64.b64encode(hashlib.sha1(base64.b64decode(nonce) + created.encode() + self.password.encode()).digest()).decode()
        late = abs(datetime.fromisoformat(created) - (self.clock.now() + self.ahead))
        fresh = nonce not in self.nonces and late < timedelta(seconds=5)
        self.nonces.add(nonce)
        return user == self.user and digest == expected and fresh

    def _of(self, name: str, call: ElementTree.Element) -> httpx.Response:
        profile = call.findtext(f"{TPTZ}ProfileToken")
        if profile is not None and profile != "turning":
            return fault("Sender", "ter:NoProfile", "no such profile", 400)
        match name:
            case "GetSystemDateAndTime":
                at = self.clock.now() + self.ahead
                date = f"<tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day>"
                time = f"<tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute><tt:Second>{at.second}</tt:Second>"
                utc = f"<tt:UTCDateTime><tt:Time>{time}</tt:Time><tt:Date>{date}</tt:Date></tt:UTCDateTime>"
                return said("tds", name, f"<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>{utc}</tds:SystemDateAndTime>")
            case "GetCapabilities":
                where = "<tt:XAddr>http://192.168.99.1:8000/onvif/{}</tt:XAddr>"
                parts = "".join(f"<tt:{part}>{where.format(part.lower())}</tt:{part}>" for part in ("Media", "PTZ"))
                return said("tds", name, f"<tds:Capabilities>{parts}</tds:Capabilities>")
            case "GetProfiles":
                fixed = '<trt:Profiles token="fixed"><tt:Name>a</tt:Name></trt:Profiles>'
                turning = '<trt:Profiles token="turning"><tt:Name>b</tt:Name><tt:PTZConfiguration token="p"/></trt:Profiles>'
                return said("trt", name, fixed + turning)
            case "GetNodes":
                spaces = "".join(
                    f"<tt:AbsolutePanTiltPositionSpace><tt:URI>{SPACES}{uri}</tt:URI><tt:XRange><tt:Min>{a}</tt:Min><tt:Max>{b}</tt:Max>"
                    f"</tt:XRange><tt:YRange><tt:Min>{c}</tt:Min><tt:Max>{d}</tt:Max></tt:YRange></tt:AbsolutePanTiltPositionSpace>"
                    for uri, a, b, c, d in self.spaces
                )
                return said("tptz", name, f"<tptz:PTZNode><tt:SupportedPTZSpaces>{spaces}</tt:SupportedPTZSpaces></tptz:PTZNode>")
            case "GetStatus":
                x, y = self.position
                space = f' space="{SPACES}{self.position_told}"' if self.position_told else ""
                zoom = "" if self.zoom is None else f'<tt:Zoom x="{self.zoom}"/>'
                told = f'<tt:Position><tt:PanTilt x="{x}" y="{y}"{space}/>{zoom}</tt:Position>' if self.tells_position else ""
                return said("tptz", name, f"<tptz:PTZStatus>{told}</tptz:PTZStatus>")
            case _:
                return self._turned(name, call)

    def _turned(self, name: str, call: ElementTree.Element) -> httpx.Response:
        match name:
            case "GetPresets":
                rows = "".join(
                    f'<tptz:Preset token="{token}"><tt:Name>{_text(n)}</tt:Name></tptz:Preset>' for token, n in self.presets.items()
                )
                return said("tptz", name, rows)
            case "GotoPreset":
                if call.findtext(f"{TPTZ}PresetToken") not in self.presets:
                    return fault("Sender", "ter:NoToken", "no preset at rtsp://admin:hidden@10.1.1.9/", 400)
                return said("tptz", name, "")
            case "SetPreset":
                token = call.findtext(f"{TPTZ}PresetToken") or str(len(self.presets) + 1)
                self.presets[token] = call.findtext(f"{TPTZ}PresetName") or ""
                return said("tptz", name, f"<tptz:PresetToken>{token}</tptz:PresetToken>")
            case "ContinuousMove":
                pan_tilt, zoom = (call.find(f"{TPTZ}Velocity/{TT}{part}") for part in ("PanTilt", "Zoom"))
                assert pan_tilt is not None
                assert zoom is not None
                self.velocity = (float(pan_tilt.attrib["x"]), float(pan_tilt.attrib["y"]), float(zoom.attrib["x"]))
                self.timeout = call.findtext(f"{TPTZ}Timeout") or ""
                return said("tptz", name, "")
            case "Stop":
                assert (call.findtext(f"{TPTZ}PanTilt"), call.findtext(f"{TPTZ}Zoom")) == ("true", "true")
                self.velocity = None
                return said("tptz", name, "")
            case "AbsoluteMove":
                found = call.find(f"{TPTZ}Position/{TT}PanTilt")
                assert found is not None
                self.position, self.position_space = (float(found.attrib["x"]), float(found.attrib["y"])), found.attrib["space"]
                return said("tptz", name, "")
        return fault("Receiver", "ter:ActionNotSupported", name, 500)


@contextmanager
def served(camera: OnvifCamera) -> Iterator[str]:
    """The camera on a port of its own; the address of its control, with name and password."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            answer = camera.answer(httpx.Request("POST", f"http://{self.headers['host']}{self.path}", content=content))
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Nothing of it belongs into the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="onvif-camera")
    thread.start()
    try:
        yield f"http://{camera.user}:{quote(camera.password, safe='')}@127.0.0.1:{server.server_port}/onvif/device_service"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def said(prefix: str, name: str, inner: str) -> httpx.Response:
    body = f"<{prefix}:{name}Response>{inner}</{prefix}:{name}Response>"
    return httpx.Response(200, content=envelope(body), headers={"content-type": "application/soap+xml"})


def fault(code: str, subcode: str, reason: str, status: int) -> httpx.Response:
    codes = f"<s:Code><s:Value>s:{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
    return httpx.Response(
        status, content=envelope(f'<s:Fault>{codes}<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>')
    )


def envelope(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {NAMESPACES}><s:Body>{body}</s:Body></s:Envelope>'.encode()
