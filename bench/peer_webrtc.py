"""Worker of the peers' environment: aiortc passing cameras' H.264 through, or taking it. One JSON request a line, one answer a line."""

from __future__ import annotations

import asyncio
import json
import sys
import threading

from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

connections: list[RTCPeerConnection] = []
players: list[MediaPlayer] = []
taking: list[asyncio.Future] = []
pictures = 0


async def offer(url: str) -> dict:
    """Sends one camera."""
    connection, player = RTCPeerConnection(), MediaPlayer(url, options={"rtsp_transport": "tcp"}, decode=False)
    connections.append(connection)
    players.append(player)
    sender = connection.addTrack(player.video)
    transceiver = next(one for one in connection.getTransceivers() if one.sender == sender)
    codecs = [codec for codec in RTCRtpSender.getCapabilities("video").codecs if codec.mimeType == "video/H264"]
    transceiver.setCodecPreferences(codecs)
    await connection.setLocalDescription(await connection.createOffer())
    return {"number": len(connections) - 1, "sdp": connection.localDescription.sdp}


async def accept(number: int, sdp: str) -> dict:
    await connections[number].setRemoteDescription(RTCSessionDescription(sdp, "answer"))
    return {}


async def answer(sdp: str) -> dict:
    """Takes one camera and counts its pictures."""
    connection = RTCPeerConnection()
    connections.append(connection)

    @connection.on("track")
    def on_track(track) -> None:
        taking.append(asyncio.ensure_future(take(track)))

    await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return {"sdp": connection.localDescription.sdp}


async def take(track) -> None:
    global pictures
    while True:
        await track.recv()
        pictures += 1


async def count() -> dict:
    return {"pictures": pictures}


OPS = {"offer": offer, "accept": accept, "answer": answer, "pictures": count}


def main() -> None:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            done = asyncio.run_coroutine_threadsafe(OPS[request.pop("op")](**request), loop).result(30)
        except Exception as error:
            done = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
