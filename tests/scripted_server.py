"""A server that answers each path as a test has it: what the simulator would never send."""

import json
import re
import socket
import threading
from collections import Counter
from contextlib import suppress

_serving = threading.local()


def answer(status, body, *headers):
    """A whole answer, with its length, that says whether the connection is kept."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(content)}", *headers]

    def send(connection, stopped):
        whole = lines if _serving.claims_to_keep else [*lines, "Connection: close"]
        connection.sendall("\r\n".join(whole).encode() + b"\r\n\r\n" + content)

    return send


def instance_answer(service="AuthService", cpu="10%", memory="20%"):
    return answer(200, {"service": service, "cpu": cpu, "memory": memory})


def raw(content):
    """These bytes, whatever they are; then the connection is closed."""
    return lambda connection, stopped: connection.sendall(content)


def never(connection, stopped):
    """No answer until the test is over."""
    stopped.wait()


def dripping(content, every_s=0.05):
    """A byte at a time, without end."""

    def drip(connection, stopped):
        connection.sendall(content)
        while not stopped.wait(every_s):
            connection.sendall(b" ")

    return drip


def late(behaviour, seconds):
    """The same, only later."""

    def wait(connection, stopped):
        stopped.wait(seconds)
        behaviour(connection, stopped)

    return wait


def in_turn(*behaviours):
    """One behaviour for each request, the last one again and again."""
    waiting = list(behaviours)

    def behave(connection, stopped):
        current = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        current(connection, stopped)

    return behave


def fleet_script(**instances):
    """A script for a server of these instances: the last part of the address to its behaviour."""
    behaviours = {f"10.58.1.{name[1:]}": behaviour for name, behaviour in instances.items()}
    return {
        "/servers": answer(200, list(behaviours)),
        **{f"/{ip}": behaviour for ip, behaviour in behaviours.items()},
    }


class ScriptedServer:
    """One request a connection, each on a thread; with ``keeps`` as many as come.

    With ``drops_kept`` it lets clients keep their connections, but answers only the first request
    on each: it closes the connection when the next one comes.

    ``asked`` counts the requests by path, ``heads`` keeps them, ``bodies`` what
    some of them brought, ``most_at_once`` is how many were
    being answered at the same time, ``connections`` how many were made.
    """

    def __init__(self, script, *, keeps=False, drops_kept=False, host="127.0.0.1", tls=None):
        self.script = script
        self.tls = tls
        self.keeps = keeps
        self.drops_kept = drops_kept
        self.asked = Counter()
        self.heads = []
        self.bodies = []
        self.most_at_once = 0
        self._under_way = 0
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self.connections = 0
        self._closed = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        if self.tls is not None:
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        with connection, suppress(OSError):
            while head := self._head(connection):
                is_last = "\r\nconnection: close\r\n" in head.lower()
                _serving.claims_to_keep = (self.keeps or self.drops_kept) and not is_last
                self._answer(connection, head)
                if self.drops_kept and not is_last:
                    self._head(connection)
                if is_last or not self.keeps:
                    break
        with self._changed:
            self._closed += 1
            self._changed.notify_all()

    def _head(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65_536)
            if not received:
                return ""
            head += received
        head, _, body = head.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\ncontent-length: ([0-9]+)", head)
        while length and len(body) < int(length[1]):
            body += connection.recv(65_536)
        if length:
            self.bodies.append(body)
        return head.decode("latin-1") + "\r\n\r\n"

    def _answer(self, connection, head):
        path = head.split(" ")[1].partition("?")[0]
        with self._changed:
            self.heads.append(head)
            self.asked[path] += 1
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            self._changed.notify_all()
        try:
            self.script.get(path, answer(400, {"error": "Invalid IP"}))(connection, self._stopped)
        finally:
            with self._changed:
                self._under_way -= 1

    def wait_until_closed(self, number):
        """Until so many connections are."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._closed >= number, timeout=30)

    def wait_for(self, path, times=1):
        """Until it has been requested so many times."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked[path] >= times, timeout=30)
