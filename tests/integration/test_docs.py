"""Every command line and every program of the pages in docs runs, in the order of its page."""

import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from scripted_server import answer, fleet_script, instance_answer

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    *("look-around", "find-the-overloaded", "nagios-and-cron", "watch-a-deployment"),
    *("record-an-incident", "what-is-missing", "what-changed", "could-we-lose-one", "top"),
    *("noise-or-trouble", "fleet-or-api", "is-it-there-yet", "prometheus"),
    *("proxy-and-tls", "make-it-yours", "as-a-library"),
]
WRITTEN_BY_COMMANDS = ["benchmarks", "mutants", "options", "reliability", "soak"]
FIGURES = ["scale"]


SIMULATOR = "$ cpx-server 8080 "


def blocks(page):
    return re.findall(r"```console\n(.*?)```", (DOCS / f"{page}.md").read_text("utf-8"), re.DOTALL)


def examples_in(block):
    """Command lines and what is shown below each."""
    for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = example.partition("\n")
        yield command, shown


def examples(page):
    """Those of all blocks but incidents, which have a simulator of their own, in their order."""
    for block in blocks(page):
        if not block.startswith(SIMULATOR):
            yield from examples_in(block)


INCIDENTS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page))
    if block.startswith(SIMULATOR)
]


def goes_on(command):
    """Until ctrl-c."""
    return re.search(r"\btrack\b|--every|exporter --demo$", command) and not re.search(
        r"--count|--from|help track", command
    )


@pytest.fixture
def stage(environ, simulator, serve, tmp_path):
    """What the pages speak of: a CPX, the same over TLS with its authority, a proxy, a token."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "token").write_text("s3cret")
    over_tls = serve(fleet_script(a1=instance_answer()), tls=context)
    plain = simulator("--seed=7")
    through_proxy = {
        f"{plain}/servers": answer(200, ["10.58.1.1"]),
        f"{plain}/10.58.1.1": instance_answer(),
    }
    proxy = serve(through_proxy)
    names = {
        "https://cpx.internal": f"https://localhost:{over_tls.port}",
        "/etc/ssl/cpx-ca.pem": str(tmp_path / "ca.pem"),
        "/run/secrets/cpx": str(tmp_path / "token"),
        "http://proxy.internal:3128": proxy.url,
        "http://localhost:8080": plain,
    }

    def as_here(text):
        for name, here in names.items():
            text = text.replace(name, here)
        return text

    page = (DOCS / "proxy-and-tls.md").read_text(encoding="utf-8")
    (profile,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    folder = tmp_path / ".config" / "cpx-monitor"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(as_here(profile))
    return as_here, {**environ, "CPX_URL": plain}


def test_every_page_is_known():
    assert {path.stem for path in DOCS.glob("*.md")} == {*PAGES, *WRITTEN_BY_COMMANDS, *FIGURES}


@pytest.mark.parametrize("page", [page for page in PAGES if page != "as-a-library"])
def test_the_commands_of_a_page_run(stage, tmp_path, page):
    as_here, env = stage
    found = list(examples(page))
    assert found
    # One shell for a page: what one command exports or records is there for the next.
    for command, shown in found:
        if "jq " in command and shutil.which("jq") is None:
            continue
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            env = {**env, name: value}
            del env["CPX_URL"]  # or it would be stronger than the profile
            continue
        ended = run(sooner(as_here(command)), env, tmp_path)
        if shown:
            assert ended.stdout == shown
            continue
        assert ended.returncode in (0, 1, 2), f"{command}\n{ended.stdout}"
        assert "error: " not in ended.stdout
        assert "Traceback" not in ended.stdout


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_is_as_its_page_shows(incident, environ, simulator, tmp_path):
    (start, _), *then = examples_in(incident)
    words = shlex.split(start.removeprefix(SIMULATOR.removeprefix("$ ")))
    url = simulator("--seed=7", *words)
    for command, shown in then:
        ended = in_bash(command, {**environ, "CPX_URL": url}, tmp_path)
        assert timeless(ended.stdout.replace(url, "http://localhost:8080")) == timeless(shown)


def timeless(text):
    """Without what differs from run to run."""
    text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z", "<time>", text)
    text = re.sub(r"[0-9]{2}:[0-9]{2}:[0-9]{2}", "<time>", text)
    text = re.sub(r", [0-9]+ more missed", "", text)  # on a busy machine
    return re.sub(r"[0-9]+(\.[0-9]+)? (s|ms|min)\b", "<duration>", text)


def sooner(command):
    """Returns at once instead of waiting."""
    return re.sub(r"--every=(0\.5|[0-9]+s?)(?= |$)", "--every=0.1", command)


def run(command, env, folder):
    if not goes_on(command):
        return in_bash(command, env, folder)
    for seconds in (0.5, 2, 10):
        ended = in_bash(f"timeout --preserve-status --signal=INT {seconds} {command}", env, folder)
        # On a busy machine the signal may come before the command minds it.
        if ended.returncode != 128 + signal.SIGINT:
            break
    return ended


def in_bash(command, env, folder):
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_programs_of_the_library_s_page_run(stage, tmp_path):
    as_here, env = stage
    page = (DOCS / "as-a-library.md").read_text(encoding="utf-8")
    program = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))

    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", as_here(program)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "AuthService" in ended.stdout
    assert "InstanceSummary(ip='10.58.1." in ended.stdout
    assert (tmp_path / "incident.jsonl").is_file()


def test_every_link_leads_somewhere():
    for path in [*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if not target.startswith("https://"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
