"""The recipes of docs/nagios-and-cron.md, run as cron, Nagios and others do: in no environment.

None of them keeps an outage to itself.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import BIN
from scripted_server import answer, fleet_script, instance_answer

PAGE = (Path(__file__).parents[2] / "docs" / "nagios-and-cron.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def cron_job():
    """What cron hands to a shell, the variables of the table before it."""
    *settings, job = blocks("crontab")[0].splitlines()
    *_, command = job.split(maxsplit=6)
    return "\n".join([*(f"export {setting}" for setting in settings), command])


def nagios_command():
    return re.search(r"command_line\s+(.*)", blocks("cfg")[0])[1]


WEBHOOK, DEPLOYMENT = blocks("sh")
RECIPES = {
    "cron": cron_job(),
    "nagios": nagios_command(),
    "webhook": WEBHOOK,
    "deployment": DEPLOYMENT,
}


class Said(NamedTuple):
    code: int
    text: str


@pytest.fixture
def tell(serve, closed_port_url):
    """What a recipe says, of an API that is well, silent in part, or down, and to a webhook."""
    hook = serve({"/cpx": answer(200, {})})
    well = fleet_script(_1=instance_answer(), _2=instance_answer())
    urls = {
        "well": serve(well).url,
        "silent in part": serve({**well, "/10.58.1.2": answer(500, {})}).url,
        "down": closed_port_url,
    }

    def run(recipe, api):
        script = RECIPES[recipe]
        for name, here in {
            "http://localhost:8080": urls[api],
            "/opt/cpx/bin": str(BIN),
            "http://hooks.internal/cpx": f"{hook.url}/cpx",
            "--every=1s": "--every=0.1s",
        }.items():
            script = script.replace(name, here)
        ended = subprocess.run(
            ["/bin/sh", "-c", script],
            env={},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(ended.returncode, ended.stdout), hook

    return run


TROUBLE = {
    "silent in part": "PossiblyAtRisk",
    "down": "error: cannot reach CPX at http://",
}


@pytest.mark.parametrize("recipe", ["cron", "nagios", "deployment"])
@pytest.mark.parametrize("api", TROUBLE)
def test_an_outage_is_told(tell, recipe, api):
    said, _ = tell(recipe, api)

    assert TROUBLE[api] in said.text


def test_cron_mails_nothing_where_all_is_well(tell):
    assert tell("cron", "well")[0] == (0, "")


@pytest.mark.parametrize(("api", "code"), [("well", 0), ("silent in part", 1), ("down", 3)])
def test_nagios_has_its_codes_and_always_a_line(tell, api, code):
    said, _ = tell("nagios", api)

    assert said.code == code
    assert said.text


@pytest.mark.parametrize(("api", "code"), [("well", 0), ("silent in part", 1), ("down", 3)])
def test_a_deployment_fails_where_its_service_is_not_well(tell, api, code):
    assert tell("deployment", api)[0].code == code


@pytest.mark.skipif(
    not (shutil.which("jq") and shutil.which("curl")), reason="not run: needs `jq` and `curl`"
)
class TestTheWebhook:
    @pytest.mark.parametrize("api", TROUBLE)
    def test_gets_the_trouble_as_a_text_in_json(self, tell, api):
        said, hook = tell("webhook", api)

        assert said.code == 0, said.text
        (head,) = hook.heads
        assert head.startswith("POST /cpx ")
        assert TROUBLE[api] in json.loads(hook.bodies[0])["text"]

    def test_gets_nothing_where_all_is_well(self, tell):
        said, hook = tell("webhook", "well")

        assert said == (0, "")
        assert hook.heads == []
