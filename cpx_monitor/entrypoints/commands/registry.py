"""Every command of cpx-monitor, once, in the order of its help text."""

from cpx_monitor.entrypoints.commands.command import Command
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.nearest import nearest
from cpx_monitor.entrypoints.options.option import Group, Option, UsageError
from cpx_monitor.entrypoints.options.words import without_credentials

_MODULES = "cpx_monitor.entrypoints.commands"
_ROWS = Group("rows", (options.SERVICE, *options.ORDER))
_OUTPUT = Group("output", (*options.STYLE, options.EVERY, options.COUNT, options.CHANGES))

COMMANDS = {
    command.name: command
    for command in (
        Command(
            name="list",
            summary="every instance: address, service, status, CPU and memory",
            examples="""\
  cpx-monitor list --url=http://localhost:8080
  cpx-monitor list --status=unhealthy --sort-by=cpu --reverse --top=10
  cpx-monitor list --service=AuthService --service=UserService -o wide
  cpx-monitor list -o json | jq '.items[] | select(.status != "Healthy")'
""",
            groups=(
                Group("rows", (options.SERVICE, options.STATUS, *options.ORDER)),
                _OUTPUT._replace(options=(*_OUTPUT.options, options.RECORD)),
                options.THE_FLEET,
            ),
            module=f"{_MODULES}.list",
        ),
        Command(
            name="averages",
            summary="per service: instances, healthy, mean CPU and memory",
            about="""\
The means are over the instances that answered. -o wide adds the minimum, the
95th percentile and the maximum, and whether the service survives losing an
instance: the same load on one instance less is still within the limits.
""",
            examples="""\
  cpx-monitor averages --url=http://localhost:8080
  cpx-monitor averages --sort-by=unhealthy --reverse --top=3
  cpx-monitor averages -o json | jq '.items[].cpu_percent.mean'
""",
            groups=(
                _ROWS,
                _OUTPUT._replace(options=(*_OUTPUT.options, options.BY_OF_CHANGES)),
                options.THE_FLEET,
            ),
            module=f"{_MODULES}.averages",
        ),
        Command(
            name="at-risk",
            summary="services with fewer healthy instances than they need",
            about="""\
A service is PossiblyAtRisk where instances that did not answer could still
make up the number, and NoHeadroom (with --headroom) where it would not survive
losing an instance, if its load spread evenly. The exit code is 0 where none is
at risk, 1 where one possibly is or has no headroom, 2 where one certainly is,
and 3 where nothing can be said.
""",
            examples="""\
  cpx-monitor at-risk --url=http://localhost:8080
  cpx-monitor at-risk --threshold=3 --max-memory=80
  cpx-monitor at-risk --service=AuthService --every=30s
  cpx-monitor at-risk --expect=services.txt
  cpx-monitor at-risk --headroom
  cpx-monitor at-risk -o nagios
""",
            groups=(
                Group("", (options.THRESHOLD, options.EXPECT, options.HEADROOM)),
                _ROWS,
                _OUTPUT._replace(options=(options.OUTPUT_OF_A_CHECK, *_OUTPUT.options[1:])),
                options.THE_FLEET,
            ),
            module=f"{_MODULES}.at_risk",
        ),
        Command(
            name="track",
            summary="CPU and memory of a service's instances over time",
            about="""\
On a terminal this is a screen that is redrawn each round, with each
instance's change and history. Elsewhere it is a line for each instance and
round. At the end there is a summary: each instance's load, and how often it
was unhealthy or unknown. Ctrl-c ends it.

The servers are listed anew in every round, so instances that join or leave
show up. If the list cannot be fetched, the last one is used and a warning says
how old it is.
""",
            examples="""\
  cpx-monitor track AuthService --every=5
  cpx-monitor track AuthService --every=1m -o jsonl >> auth.jsonl
  cpx-monitor track AuthService --record=incident.jsonl
  cpx-monitor track AuthService --from=incident.jsonl --speed=10
""",
            arguments=(options.TRACKED_SERVICE,),
            groups=(
                Group("rows", options.ORDER),
                Group(
                    "output",
                    (
                        options.OUTPUT_WITHOUT_END,
                        options.NO_HEADERS,
                        options.COLOR,
                        options.EVERY_WITHOUT_END,
                        options.COUNT_WITHOUT_END,
                        options.CHANGES_WITHOUT_END,
                        options.RECORD,
                        options.SPEED,
                    ),
                ),
                options.A_FLEET_OR_REPLAY,
            ),
            module=f"{_MODULES}.track",
        ),
        Command(
            name="top",
            summary="the whole fleet on one screen, with keys",
            about="""\
The services, those in trouble first, with their loads and histories; Enter
opens a service's instances. ? shows every key. Where stdout is not a terminal
this is `averages --every`.
""",
            examples="""\
  cpx-monitor top --url=http://localhost:8080
  cpx-monitor top --demo
  cpx-monitor top --from=incident.jsonl --speed=max
""",
            groups=(
                Group("rows", (options.SERVICE, *options.ORDER)),
                Group(
                    "output",
                    (
                        options.OUTPUT_WITHOUT_END,
                        options.NO_HEADERS,
                        options.COLOR,
                        options.EVERY_2_S,
                        options.COUNT_WITHOUT_END,
                        options.CHANGES_WITHOUT_END,
                        options.BY_OF_CHANGES,
                        options.SPEED,
                    ),
                ),
                options.A_FLEET_OR_REPLAY,
            ),
            module=f"{_MODULES}.top",
        ),
        Command(
            name="wait",
            summary="wait until services are healthy, for scripts and CI",
            about="""\
The exit code is 0 as soon as each service has so many healthy instances, and 2
when time is up; then it says which instances are missing and why. A service
that is not there yet is waited for, and so is an API that is down; 3 means that
the API never answered.
""",
            examples="""\
  cpx-monitor wait AuthService
  cpx-monitor wait AuthService UserService --healthy=3 --within=10m
  cpx-monitor wait AuthService --for=3 && ./switch-traffic
""",
            arguments=(options.WAITED_SERVICES,),
            groups=(
                Group(
                    "waiting",
                    (options.HEALTHY, options.WITHIN, options.EVERY_2_S, options.FOR),
                ),
                options.THE_API,
            ),
            module=f"{_MODULES}.wait",
        ),
        Command(
            name="diff",
            summary="what changed between two recordings, or a recording and now",
            about="""\
Instances that are gone, new, or of another service, status changes, and
services whose mean CPU or memory moved. Of a recording the last round counts,
or with --ago the one closest to this long ago. The exit code is 0 where there
is no difference, 1 where some instances are unknown and nothing else differs,
2 where there are differences, and 3 where nothing can be said.
""",
            examples="""\
  cpx-monitor list --record=before.jsonl
  cpx-monitor diff before.jsonl
  cpx-monitor diff before.jsonl after.jsonl --service=AuthService
  cpx-monitor diff --ago=1h incident.jsonl
""",
            arguments=(options.BEFORE, options.AFTER),
            groups=(
                Group("", (options.BY, options.AGO, options.SERVICE)),
                Group("output", options.STYLE),
                options.THE_API,
            ),
            module=f"{_MODULES}.diff",
        ),
        Command(
            name="doctor",
            summary="tell whether it is the fleet or the API",
            about="""\
Looks up the API's name, connects, requests the list ten times and every
instance once, and reports on each step, with what to do. The first line says
what it comes to. The exit code is 0 where all is well, 1 where there are
warnings, and 2 where there is trouble, an API that cannot be reached included.
""",
            examples="""\
  cpx-monitor doctor --url=http://localhost:8080
  cpx-monitor doctor --profile=production -o json
""",
            groups=(
                Group("output", options.STYLE),
                options.THE_API,
            ),
            module=f"{_MODULES}.doctor",
        ),
        Command(
            name="plot",
            summary="a recording as a picture",
            about="""\
CPU and memory of a service's instances over time: of the service that was
tracked, unless --service names another one.
""",
            examples="""\
  cpx-monitor track AuthService --record=incident.jsonl
  cpx-monitor plot incident.jsonl
  cpx-monitor plot incident.jsonl --service=UserService --output=users.png
""",
            arguments=(options.RECORDING,),
            groups=(
                Group(
                    "",
                    (
                        options.ONE_SERVICE,
                        options.OUTPUT_FILE,
                        options.LIMIT_CPU,
                        options.LIMIT_MEMORY,
                        options.PROFILE,
                        options.HELP,
                    ),
                ),
            ),
            module=f"{_MODULES}.plot",
        ),
        Command(
            name="config",
            summary="every effective setting and where it came from",
            about="""\
A setting comes from its option, else from the profile that --profile names,
else from its environment variable, else from the profile that CPX_PROFILE
names; otherwise the default applies. No request is sent. A profile is a
section of $XDG_CONFIG_HOME/cpx-monitor/config.toml (by default in ~/.config)
that holds options without their dashes:

  [production]
  url = "https://cpx.internal"
  token-file = "/run/secrets/cpx"
  max-cpu = 80
""",
            examples="""\
  cpx-monitor config
  cpx-monitor config --profile=production
  CPX_PROFILE=production cpx-monitor list
""",
            groups=(Group("output", options.STYLE), options.THE_FLEET),
            module=f"{_MODULES}.config",
        ),
        Command(
            name="expect",
            summary="what runs now, as a file for at-risk --expect",
            about="""\
A line for each service with the number of its instances, by name, so that two
files make a good diff. Instances that do not say their service are not in it;
the exit code is 1 then.
""",
            examples="""\
  cpx-monitor expect > services.txt
  cpx-monitor at-risk --expect=services.txt
  cpx-monitor expect --from=incident.jsonl | diff services.txt -
""",
            groups=(options.THE_FLEET,),
            module=f"{_MODULES}.expect",
        ),
        Command(
            name="exporter",
            summary="metrics and service discovery for Prometheus, and a status page",
            about="""\
The fleet is polled when it is scraped. /metrics is the whole fleet, /sd tells
Prometheus what to scrape, and / is a page for people. It listens on this
machine only unless --listen says otherwise, and starts whether or not the API
is up. Ctrl-c or SIGTERM ends it once requests under way are answered, which
takes a minute at most; a second one ends it at once.
""",
            examples="""\
  cpx-monitor exporter --url=http://localhost:8080
  cpx-monitor exporter --listen=:9787 --web-token-file=/run/secrets/scraper
  cpx-monitor exporter --advertise=exporter-1:9787 --advertise=exporter-2:9787
  cpx-monitor exporter --once --textfile=/var/lib/node_exporter/cpx.prom
""",
            groups=(
                Group(
                    "",
                    (
                        *(options.LISTEN, options.ADVERTISE, options.BUCKETS),
                        *(options.LIST_AGE, options.SERIES),
                        *(options.WEB_TOKEN_FILE, options.WEB_USER_FILE),
                        *(options.ONCE, options.TEXTFILE),
                    ),
                ),
                options.THE_API,
            ),
            module=f"{_MODULES}.exporter",
        ),
        Command(
            name="completion",
            summary="a completion script for bash, zsh or fish",
            about="""\
Service names come from the API, which has one second to answer.
""",
            examples="""\
  source <(cpx-monitor completion bash)      # in ~/.bashrc
  source <(cpx-monitor completion zsh)       # in ~/.zshrc, after compinit
  cpx-monitor completion fish | source       # in ~/.config/fish/config.fish
""",
            arguments=(options.SHELL,),
            groups=(Group("", (options.HELP,)),),
            module=f"{_MODULES}.completion",
        ),
    )
}


def command(name: str) -> Command:
    """
    Raises:
        UsageError: there is no command of that name.
    """
    if name.startswith("-"):
        raise UsageError(
            f"expected a command before '{without_credentials(name)}'", "options follow the command"
        )
    if name not in COMMANDS:
        raise UsageError(
            f"unknown command '{without_credentials(name)}'",
            nearest(name, list(COMMANDS)) or "see `cpx-monitor --help`",
        )
    return COMMANDS[name]


def every_option() -> dict[str, Option]:  # type: ignore[type-arg]
    """The options of all commands, by their long names, as the first that has one has it."""
    found: dict[str, Option] = {}  # type: ignore[type-arg]
    for each in COMMANDS.values():
        for option in each.options:
            found.setdefault(option.name, option)
    return found
