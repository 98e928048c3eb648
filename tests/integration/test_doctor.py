"""The doctor against real servers: TLS, clocks, tokens, proxies, and fleets that fail in part."""

import json
import ssl
from email.utils import formatdate

import pytest
import trustme
from jsonschema import Draft202012Validator
from scripted_server import answer, fleet_script, instance_answer
from test_formats import SCHEMA


@pytest.fixture
def examine(monitor):
    """The doctor's report, as json, and its exit code."""

    def examine(url, *words, **environ):
        ended = monitor("doctor", "-o", "json", *words, url=url, **environ)
        report = json.loads(ended.stdout)
        Draft202012Validator(SCHEMA).validate(report)
        report["by_check"] = {item["check"]: item for item in report["items"]}
        return report, ended

    return examine


def test_all_is_well(examine, simulator):
    url = simulator("--behaviour=fleet", "--seed=7", "--fault=load-40")

    report, ended = examine(url)

    assert ended.returncode == 0
    assert report["conclusion"] == "all is well, the API and the fleet"
    assert report["by_check"]["list latency"]["finding"].endswith(" of 10 answers")
    assert report["by_check"]["instance latency"]["finding"].endswith(" of 150 answers")


def test_the_certificate_s_days_are_counted(examine, serve, tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = serve(fleet_script(a1=instance_answer()), tls=context)
    url = f"https://localhost:{server.port}"

    trusted, _ = examine(url, f"--ca-file={tmp_path / 'ca.pem'}")
    insecure, _ = examine(url, "--insecure")
    unknown, _ = examine(url)

    assert " days left" in trusted["by_check"]["TLS"]["finding"]
    assert "is not verified" in insecure["by_check"]["TLS"]["finding"]
    assert unknown["by_check"]["TLS"]["verdict"] == "trouble"


def test_a_clock_that_is_wrong_is_told(examine, serve):
    late = answer(200, ["10.58.1.1"], f"Date: {formatdate(0, usegmt=True)}")
    server = serve({"/servers": late, "/10.58.1.1": instance_answer()})

    report, _ = examine(server.url)

    assert report["by_check"]["clock"]["verdict"] == "warning"
    assert report["by_check"]["clock"]["finding"].endswith(" s behind ours")


def test_a_token_is_named_and_not_shown(examine, simulator):
    report, ended = examine(simulator("--seed=7"), CPX_TOKEN="s3cret")

    assert "token from CPX_TOKEN" in report["by_check"]["access"]["finding"]
    assert "s3cret" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("transport", ["requests"], indirect=True)
def test_a_proxy_is_named_without_its_password(examine, serve, transport):
    proxy = serve(
        {
            "http://cpx.test/servers": answer(200, ["10.58.1.1"]),
            "http://cpx.test/10.58.1.1": instance_answer(),
        }
    )
    through = proxy.url.replace("http://", "http://me:s3cret@")

    report, ended = examine("http://cpx.test", http_proxy=through)

    assert "through the proxy http" in report["by_check"]["access"]["finding"]
    assert "name" not in report["by_check"]
    assert "s3cret" not in ended.stdout + ended.stderr


def test_an_api_that_is_not_there_is_trouble(examine):
    report, ended = examine("http://127.0.0.1:1")

    assert ended.returncode == 2
    assert report["by_check"]["connection"]["finding"] == "connection refused"
