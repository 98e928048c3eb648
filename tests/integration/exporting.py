"""An exporter as a process, and what it answers."""

import http.client
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

from conftest import BIN
from prometheus_client.parser import text_string_to_metric_families

ENOUGH_S = 30
ANYWHERE = "--listen=localhost:0"


class Exporter:
    """A running `cpx-monitor exporter`; ``url`` is where it listens."""

    def __init__(self, *words, environ, before=()):
        where = () if any(word.startswith("--listen") for word in words) else (ANYWHERE,)
        command = [*before, BIN / "cpx-monitor", "exporter", *where, *words]
        self.process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), self.process.communicate()
        self.url = line.removeprefix("listening on ").strip()
        self.address = urlsplit(self.url).netloc

    def get(self, path="/metrics", method="GET", body=None, **headers):
        """``_`` in the name of a header is a hyphen."""
        connection = http.client.HTTPConnection(self.address, timeout=ENOUGH_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return SimpleNamespace(
                status=answer.status, headers=answer.headers, content=answer.read()
            )
        finally:
            connection.close()

    def text(self, path, **headers):
        return self.get(path, **headers).content.decode()

    def json(self, path, **headers):
        return json.loads(self.get(path, **headers).content)

    def metrics(self, path="/metrics", **headers):
        """By name and the values of the labels."""
        answer = self.get(path, **headers)
        assert answer.status == 200, answer.content
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.content.decode())
            for sample in family.samples
        }

    def at_once(self, paths, call=None, **headers):
        with ThreadPoolExecutor(len(paths)) as pool:
            return list(pool.map(lambda path: (call or self.metrics)(path, **headers), paths))

    def stop(self):
        """Its exit code, and what it said on stderr."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=ENOUGH_S)
        return self.process.returncode, said

    def close(self):
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.communicate()
