"""A network cable between browsers and a server, to be pulled out: whatever runs through it ends at once, and nothing new comes through."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """Listens on a port of its own and hands everything on to `port`, in both directions."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._is_cut = False
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, name="cable", daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            ends = list(self._ends)
        for end in ends:
            _hang_up(end)

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        self.cut()
        _hang_up(self._listening)
        self._accepting.join(5)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), name="cable-connection", daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.socket() as far:
            with self._lock:
                if self._is_cut:
                    return
                self._ends |= {near, far}
            try:
                far.connect(self._to)
                back = threading.Thread(target=_pump, args=(far, near), name="cable-back", daemon=True)
                back.start()
                _pump(near, far)
                back.join()
            except OSError:
                pass  # the server is down: the browser is told by the connection that ends
            finally:
                with self._lock:
                    self._ends -= {near, far}


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Until one of the two ends; then neither has anything more to say."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        _hang_up(end)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
