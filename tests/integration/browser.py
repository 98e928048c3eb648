"""A headless Chromium, spoken to over its own protocol: https://chromedevtools.github.io"""

import json
import os
import subprocess
import tempfile
import time
from contextlib import suppress

import websocket

ENOUGH_S = 30
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "--remote-allow-origins=*", "--hide-scrollbars"),
)


class Browser:
    """One page of a browser with a profile of its own. ``requests`` are the URLs that it asked
    for, ``complaints`` what it wrote into its console.
    """

    def __init__(self):
        # Short, for a socket is put there.
        self._folder = tempfile.TemporaryDirectory(prefix="cr-", ignore_cleanup_errors=True)
        folder = self._folder.name
        self.process = subprocess.Popen(
            ["chromium", *QUIET, f"--user-data-dir={folder}/profile", "about:blank"],
            env={**os.environ, "TMPDIR": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if line.startswith("DevTools listening on "):
                break
        self._socket = websocket.create_connection(line.split()[-1], timeout=ENOUGH_S)
        self._number = 0
        self._session = None
        self.requests, self.complaints, self._events = [], [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        with suppress(Exception):
            self._socket.close()
        self.process.kill()
        self.process.communicate()
        self._folder.cleanup()

    def call(self, method, **parameters):
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        self._socket.send(json.dumps(order))
        while True:
            found = self._next()
            if found.get("id") == self._number:
                assert "error" not in found, found
                return found["result"]

    def _next(self):
        found = json.loads(self._socket.recv())
        match found.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(found["params"]["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(found["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(found["params"]))
        self._events.append(found.get("method"))
        return found

    def open(self, url):
        self._events.clear()
        self.call("Page.navigate", url=url)
        ends_at_s = time.monotonic() + ENOUGH_S
        while "Page.loadEventFired" not in self._events:
            assert time.monotonic() < ends_at_s
            self._next()

    def ask(self, script):
        """The value of an expression, awaited."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script):
        ends_at_s = time.monotonic() + ENOUGH_S
        while not (value := self.ask(script)):
            assert time.monotonic() < ends_at_s, self.ask("document.body.innerText")
            time.sleep(0.05)
        return value

    def be(self, width, height, scheme="light"):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
