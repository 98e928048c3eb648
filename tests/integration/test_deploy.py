"""What is shipped for deployment, beside what Prometheus reads (see test_prometheus)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze (Debian: systemd)"
)
def test_systemd_has_nothing_against_the_unit():
    unit = DEPLOY / "systemd" / "cpx-monitor-exporter.service"
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )

    assert (verified.returncode, verified.stderr) == (0, "")


def test_what_the_container_copies_is_there():
    text = (DEPLOY / "container" / "Containerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--)(.*)", text, re.M) for word in line.split()]

    missing = [each for each in copied if each != "./" and not (DEPLOY.parent / each).exists()]
    assert missing == []


def test_the_container_starts_an_exporter(zygote, environ):
    text = (DEPLOY / "container" / "Containerfile").read_text()
    (words,) = re.findall(r"^CMD \[(.*)\]", text, re.M)

    ended = zygote.monitor(*re.findall(r'"(.*?)"', words), "--help", environ=environ)
    assert ended.returncode == 0
    assert "cpx-monitor exporter" in ended.stdout
