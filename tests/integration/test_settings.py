"""Flags, environment, profile, default: which one counts, and how to find out."""

import json

import pytest


@pytest.fixture
def configured(environ, tmp_path):
    """Writes config.toml; the environment to run with."""
    folder = tmp_path / "xdg" / "cpx-monitor"
    folder.mkdir(parents=True)

    def write(text):
        (folder / "config.toml").write_text(text)
        return {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}

    return write


def settings(ended):
    assert (ended.returncode, ended.stderr) == (0, "")
    items = json.loads(ended.stdout)["items"]
    return {item["setting"]: (item["value"], item["origin"]) for item in items}


def test_the_strongest_counts_and_config_says_where_it_came_from(monitor, configured):
    env = configured('[prod]\nmax-cpu = 70\nmax-memory = 60\ntimeout = "3s"\ndeadline = 9\n')
    words = ("config", "-o", "json", "--profile=prod", "--max-cpu=50")

    variables = {"CPX_MAX_CPU": "55", "CPX_MAX_MEMORY": "65", **env}

    found = settings(monitor(*words, **variables))
    by_variable = settings(monitor("config", "-o", "json", CPX_PROFILE="prod", **variables))

    assert found["max-cpu"] == ("50", "flag")
    assert found["max-memory"] == ("60", "profile prod")
    assert by_variable["max-memory"] == ("65", "variable CPX_MAX_MEMORY")
    assert found["timeout"] == ("3s", "profile prod")
    assert found["concurrency"] == ("auto", "default")
    assert found["profile"] == ("prod", "flag")


def test_a_profile_is_what_a_command_does(monitor, configured):
    env = configured(
        '[mine]\ndemo = true\nservice = ["mlservice", "TimeService"]\nreverse = true\n'
        'output = "csv"\nno-headers = true\nmax-cpu = 100\n'
    )
    ended = monitor("list", CPX_PROFILE="mine", **env)

    assert [line.split(",")[:3] for line in ended.stdout.splitlines()] == [
        ["10.58.1.11", "TimeService", "Unknown"],
        ["10.58.1.10", "TimeService", "Healthy"],
        ["10.58.1.5", "MLService", "Healthy"],
        ["10.58.1.4", "MLService", "Healthy"],
    ]


def test_a_url_that_was_typed_wins_over_a_demo_of_the_profile(monitor, configured, simulator):
    env = configured("[mine]\ndemo = true\n")

    ended = monitor("list", "--profile=mine", f"--url={simulator('--instances=2')}", **env)

    assert ended.stderr.startswith("2 instances, ")


def test_secrets_are_not_shown(monitor, tmp_path):
    found = settings(
        monitor(
            *("config", "-o", "json", "--url=http://ann:s3cret@localhost:1"), CPX_TOKEN="s3cret"
        )
    )

    assert found["token"] == ("(hidden)", "variable CPX_TOKEN")
    assert found["url"] == ("http://localhost:1", "flag")
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("environ", "typed", "shown"),
    [
        ({}, [], ("auto", "default")),
        ({"NO_COLOR": "1"}, [], ("never", "variable NO_COLOR")),
        ({"FORCE_COLOR": "1"}, [], ("always", "variable FORCE_COLOR")),
        ({"NO_COLOR": "1"}, ["--color=always"], ("always", "flag")),
        ({"FORCE_COLOR": "0"}, [], ("auto", "default")),
    ],
)
def test_colour_tells_which_variable_decides(zygote, clean_environ, environ, typed, shown):
    ended = zygote.monitor("config", "-o", "json", *typed, environ={**clean_environ, **environ})

    assert settings(ended)["color"] == shown


def test_a_variable_for_colours_is_weaker_than_a_profile_that_a_flag_names_only(
    monitor, configured
):
    env = configured('[mine]\ndemo = true\ncolor = "always"\n')
    by_variable = {"CPX_PROFILE": "mine", **env}

    assert "\x1b[31m" in monitor("list", **by_variable).stdout
    assert "\x1b[31m" not in monitor("list", NO_COLOR="1", **by_variable).stdout
    assert "\x1b[31m" in monitor("list", "--profile=mine", NO_COLOR="1", **env).stdout


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[prod]", "error: no profile 'prodd' in {path}\nhint:  did you mean prod?\n"),
        ("", "error: no profile 'prodd' in {path}\nhint:  add a section [prodd]"),
        (
            "[prodd]\nmax_cpu = 1",
            "[prodd] has 'max_cpu', which is not an option\nhint:  did you mean max-",
        ),
        (
            "[prodd]\nmax-cpu = [1]",
            "error: {path}: [prodd] max-cpu: expected a text or a number\n",
        ),
        ("[prodd]\nreverse = 1", "error: {path}: [prodd] reverse: expected true or false\n"),
        ("[prodd]\nprofile = 'x'", "[prodd] has 'profile', which is not an option\n"),
        (
            "[prodd]\nmax-cpu = 101",
            "error: profile prodd: max-cpu=101: expected a percentage from 0 to 100\n",
        ),
        ("[prodd\n", "error: {path} is not TOML: "),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(monitor, configured, text, error):
    env = configured(text)
    ended = monitor("list", "--profile=prodd", **env)

    path = f"{env['XDG_CONFIG_HOME']}/cpx-monitor/config.toml"
    assert (ended.returncode, ended.stdout) == (3, "")
    assert error.format(path=path) in ended.stderr


def test_a_profile_without_a_file_is_a_mistake(monitor, tmp_path):
    ended = monitor("averages", "--demo", CPX_PROFILE="prod", XDG_CONFIG_HOME=str(tmp_path))

    assert ended.returncode == 3
    assert "error: cannot read the profiles in " in ended.stderr
    assert "CPX_PROFILE" in ended.stderr


def test_a_setting_that_is_wrong_is_shown_where_it_stands(monitor, configured):
    env = configured('[mine]\nca-file = "/nowhere"\nmax-cpu = 40\n')
    ended = monitor("config", "--profile=mine", "--max-memory=x", **env)

    assert ended.returncode == 3
    shown = {line.split()[0]: " ".join(line.split()[1:]) for line in ended.stdout.splitlines()}
    assert shown["ca-file"].startswith("/nowhere profile mine, wrong: no such file")
    assert shown["max-memory"].startswith("x flag, wrong: expected a percentage")
    assert shown["max-cpu"] == "40 profile mine"
    assert ended.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("profile", "typed", "environ"),
    [
        ('token-file = "/nowhere"', [], {"CPX_TOKEN": "s3cret"}),
        ('ca-file = "/nowhere"', ["--insecure"], {}),
        ("demo = true\nevery = 5", ["--count=1"], {}),
    ],
)
def test_what_is_said_more_strongly_wins_over_the_profile(
    monitor, configured, simulator, profile, typed, environ
):
    env = configured(f"[mine]\n{profile}\n")
    ended = monitor(
        "list", *typed, url=simulator("--instances=2"), CPX_PROFILE="mine", **environ, **env
    )

    assert ended.stderr.endswith("0 unknown in 0.00 s\n") or ended.stderr.startswith(
        "2 instances, "
    )


def test_a_limit_below_one_percent_is_warned_of(monitor):
    ended = monitor("list", "--demo", "--max-cpu=0.8", "--max-memory=80")

    assert ended.stderr.startswith("warning: --max-cpu is a percentage: 0.8 means 0.8 %\n")
    assert "--max-memory" not in ended.stderr
