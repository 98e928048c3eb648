"""The installed commands and the simulator, as processes of their own."""

import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from forked import Zygote
from scripted_server import ScriptedServer

BIN = Path(sys.executable).parent
OURS = re.compile(r"CPX_|NO_COLOR|FORCE_COLOR|.*_proxy$", re.IGNORECASE)


@pytest.fixture(scope="session", autouse=True)
def _interruptible_children():
    """Where the tests were started in the background, children would inherit an ignored SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def environ_at(home):
    kept = {name: value for name, value in os.environ.items() if not OURS.match(name)}
    return {**kept, "PATH": f"{BIN}:{kept['PATH']}", "HOME": str(home), "TERM": "xterm"}


@pytest.fixture
def environ(tmp_path):
    """This process's environment without what would change what the commands do."""
    return environ_at(tmp_path)


@pytest.fixture(scope="session")
def clean_environ(tmp_path_factory):
    """The same, for what is shared by several tests."""
    return environ_at(tmp_path_factory.mktemp("home"))


@pytest.fixture
def processes():
    with ExitStack() as stack:

        def start(*words, **options):
            process = stack.enter_context(subprocess.Popen(words, **options))
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def simulator(zygote, environ):
    """Starts a simulator on a free port: ``simulator("--seed=7")`` is its URL."""
    with ExitStack() as stack:

        def start(*options):
            (line,) = stack.enter_context(zygote.server("0", *options, environ=environ))
            assert line.startswith("listening on http://localhost:")
            return line.removeprefix("listening on ")

        yield start


@pytest.fixture
def exporter(environ):
    """Starts an exporter: ``exporter(url, "--buckets=8")``."""
    from exporting import Exporter

    with ExitStack() as stack:

        def start(url, *words, **how):
            running = Exporter(*words, environ={**environ, "CPX_URL": url}, **how)
            stack.callback(running.close)
            return running

        yield start


@pytest.fixture(params=["direct", "requests"])
def transport(request):
    return request.param


@pytest.fixture(scope="session")
def zygote():
    forking = Zygote()
    yield forking
    forking.close()


@pytest.fixture
def monitor(environ, transport, zygote):
    """Runs cpx-monitor to its end, on each transport: ``monitor("list", url=…)``."""

    def run(*words, url=None, **extra_environ):
        env = {**environ, **({"CPX_URL": url} if url else {}), **extra_environ}
        return zygote.monitor(*words, f"--transport={transport}", environ=env)

    return run


@pytest.fixture
def serve():
    """Starts a server that answers by a script: ``serve({"/servers": …})``."""
    with ExitStack() as stack:
        yield lambda script, **how: stack.enter_context(ScriptedServer(script, **how))


@pytest.fixture
def closed_port_url(serve):
    """A URL at which no server listens (any more)."""
    with ScriptedServer({}) as server:
        return server.url


def may_make_a_network():
    return subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0
