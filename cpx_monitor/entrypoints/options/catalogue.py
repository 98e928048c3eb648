"""Every option of cpx-monitor, once.

Where commands differ in what an option means, the variants stand together.
"""

from typing import Any

from cpx_monitor.domain.buckets import MAX_BUCKETS
from cpx_monitor.domain.health import DEFAULT_THRESHOLD
from cpx_monitor.entrypoints.options import values
from cpx_monitor.entrypoints.options.option import COLUMNS, FILES, PROFILES, SERVICES, Group, Option


def _flag(name: str, meaning: str, short: str = "") -> Option[bool]:
    return Option(name, bool, meaning, short=short)


def _choice(name: str, meaning: str, metavar: str, *choices: str, **more: Any) -> Option[str]:
    return Option(name, values.one_of(*choices), meaning, metavar, choices=choices, **more)


# Where the fleet is.
URL = Option(
    "--url",
    values.url,
    "where the CPX API is",
    "<url>",
    default="http://localhost:8080",
    variable="CPX_URL",
    is_secret=True,
)
DEMO = _flag("--demo", "a built-in fleet in memory, no server needed")
FROM = Option(
    "--from",
    values.file,
    "read the last round of a recording instead",
    "<file>",
    completes=FILES,
)
FROM_TO_REPLAY = FROM._replace(meaning="play back a recording instead")

# What healthy means.
MAX_CPU = Option(
    "--max-cpu",
    values.percentage,
    "highest CPU at which an instance is healthy",
    "<percent>",
    default="90",
    variable="CPX_MAX_CPU",
)
MAX_MEMORY = MAX_CPU._replace(
    name="--max-memory", meaning="the same for memory", variable="CPX_MAX_MEMORY"
)
LIMIT_CPU = MAX_CPU._replace(meaning="where to draw the limit")
LIMIT_MEMORY = MAX_MEMORY._replace(meaning="the same for memory")
THRESHOLD = Option(
    "--threshold",
    values.whole_number(1, 1_000_000),
    "healthy instances a service needs",
    metavar="<n>",
    default=str(DEFAULT_THRESHOLD),
)

EXPECT = Option(
    "--expect",
    values.file,
    "services that should be there: a file of lines `<service> [<n>]`, or a recording",
    "<file>",
    completes=FILES,
)

HEADROOM = _flag("--headroom", "also name services that would not survive losing an instance")

# How it is polled.
TIMEOUT = Option(
    "--timeout",
    values.duration_s,
    "for one request, from connect to last byte",
    "<s>",
    default="5",
)
DEADLINE = Option(
    "--deadline",
    values.duration_s,
    "for one poll of the whole fleet; what has not answered by then is Unknown",
    "<s>",
    default="30",
)
CONCURRENCY = Option(
    "--concurrency",
    values.concurrency,
    "maximum concurrent requests; auto adapts to the server",
    "<n>",
    default="auto",
    choices=("auto",),
)
TRANSPORT = _choice(
    "--transport",
    "direct: gevent sockets, fast; requests: proxies, netrc; auto: direct unless a proxy applies",
    "<name>",
    "auto",
    "direct",
    "requests",
    default="auto",
)
TOKEN_FILE = Option(
    "--token-file",
    values.token_in_file,
    "a file that holds the API's bearer token; CPX_TOKEN is the token itself",
    "<file>",
    variable="CPX_TOKEN_FILE",
    completes=FILES,
)
TOKEN = Option(
    "token", values.token, "the API's bearer token", variable="CPX_TOKEN", is_secret=True
)
CA_FILE = Option(
    "--ca-file",
    values.ca_file,
    "certificate authorities to trust instead of the system's",
    "<file>",
    completes=FILES,
)
INSECURE = _flag("--insecure", "do not verify the server's certificate")
PROFILE = Option(
    "--profile",
    values.name,
    "a section of config.toml",
    "<name>",
    variable="CPX_PROFILE",
    completes=PROFILES,
)
VERBOSE = _flag("--verbose", "say on stderr what was requested and how long it took", "-v")
HELP = _flag("--help", "show this help", "-h")

# Which rows, and in what order.
SERVICE = Option(
    "--service",
    str,
    "only this service (case-insensitive, repeatable)",
    "<name>",
    is_repeatable=True,
    completes=SERVICES,
)
ONE_SERVICE = SERVICE._replace(
    meaning="the service to draw (case-insensitive)", is_repeatable=False
)
STATUS = _choice(
    "--status",
    "only healthy, unhealthy or unknown instances",
    "<status>",
    "healthy",
    "unhealthy",
    "unknown",
)
SORT_BY = Option(
    "--sort-by",
    str,
    "a column of the table or a field of the json",
    "<column>",
    completes=COLUMNS,
)
REVERSE = _flag("--reverse", "the greatest first; missing values stay last")
TOP = Option("--top", values.whole_number(1, 1_000_000_000), "only the first rows", "<n>")

# How it is written.
FORMATS = ("table", "wide", "json", "jsonl", "csv")
OUTPUT = _choice(
    "--output",
    "table, wide, json, jsonl or csv",
    "<format>",
    *FORMATS,
    default="table",
    short="-o",
)
# A profile may ask for json of everything; what does not end writes jsonl then.
OUTPUT_WITHOUT_END = OUTPUT._replace(
    meaning="table, wide, jsonl or csv", choices=("table", "wide", "jsonl", "csv")
)
OUTPUT_OF_A_CHECK = OUTPUT._replace(
    read=values.one_of(*FORMATS, "nagios"),
    meaning="table, wide, json, jsonl, csv or nagios",
    choices=(*FORMATS, "nagios"),
)
OUTPUT_FILE = Option(
    "--output",
    values.picture,
    "an .svg or .png file",
    "<file>",
    default_note="the recording's name with .svg",
    short="-o",
    completes=FILES,
)
NO_HEADERS = _flag("--no-headers", "leave headers out of table, wide and csv")
COLOR = _choice(
    "--color", "auto, always or never", "<when>", "auto", "always", "never", default="auto"
)

# How often.
EVERY = Option(
    "--every",
    values.duration_s,
    "poll repeatedly, from start to start: 5, 0.5, 5s, 1m",
    "<s>",
    default="5",
    default_note="once; 5 with --count alone",
)
EVERY_WITHOUT_END = EVERY._replace(default_note="")
COUNT = Option(
    "--count",
    values.whole_number(1, 1_000_000_000),
    "stop after this many rounds",
    "<n>",
    default_note="no end, with --every",
)
COUNT_WITHOUT_END = COUNT._replace(default_note="no end")
EVERY_2_S = EVERY._replace(default="2", default_note="")
HEALTHY = Option(
    "--healthy",
    values.whole_number(1, 1_000_000),
    "how many healthy instances of each service to wait for",
    "<n>",
    default="1",
)
WITHIN = Option("--within", values.duration_s, "how long to wait", "<s>", default="5m")
FOR = Option(
    "--for",
    values.whole_number(1, 1_000_000),
    "in how many rounds in a row they must be healthy",
    "<rounds>",
    default="1",
)
CHANGES = _flag("--changes", "with --every: only what differs from the round before")
BY = Option(
    "--by", values.points, "report a mean that moved by more than this", "<points>", default="10"
)
CHANGES_WITHOUT_END = CHANGES._replace(meaning="only what differs from the round before")
BY_OF_CHANGES = BY._replace(meaning="with --changes: report a mean that moved by more")
AGO = Option(
    "--ago",
    values.age_s,
    "compare with the round closest to this long ago: 90s, 5m, 1h, 2d",
    "<time>",
)
RECORD = Option(
    "--record", values.file, "append what was seen to a recording", "<file>", completes=FILES
)
SPEED = Option(
    "--speed",
    values.speed,
    "playback speed: 1 is real time, max has no pauses",
    "<factor>",
    default="1",
    default_note="1 on a screen, else max",
    choices=("max",),
)

# The exporter.
LISTEN = Option(
    "--listen", values.address, "where to listen", "<host:port>", default="localhost:9787"
)
LIST_AGE = Option(
    "--list-age",
    values.duration_or_0_s,
    "request the list of servers anew when it is older; 0: for each collection",
    "<s>",
    default="10",
)
BUCKETS = Option(
    "--buckets",
    values.power_of_two(1, MAX_BUCKETS),
    "into how many buckets /sd divides the fleet",
    "<n>",
    default="64",
)
ADVERTISE = Option(
    "--advertise",
    values.reached_at,
    "an exporter's address as scrapers reach it; name all of them to divide the buckets",
    "<host:port>",
    default_note="the address that the request named",
    is_repeatable=True,
)
SERIES = _choice(
    "--series",
    "all, or only those of services, without one for each instance",
    "<which>",
    "all",
    "services",
    default="all",
)
WEB_TOKEN_FILE = Option(
    "--web-token-file",
    values.token_in_file,
    "answer only requests with the bearer token in this file",
    "<file>",
    completes=FILES,
)
WEB_USER_FILE = Option(
    "--web-user-file",
    values.users_in_file,
    "answer only the users in this file, lines of <name>:<password>",
    "<file>",
    completes=FILES,
)
ONCE = _flag("--once", "collect once, write --textfile, and end")
TEXTFILE = Option(
    "--textfile",
    values.file,
    "with --once: the file for node_exporter's textfile collector",
    "<file>",
    completes=FILES,
)

# Positional arguments.
TRACKED_SERVICE = Option(
    "<service>", str, "its name (case-insensitive)", "<service>", completes=SERVICES
)
BEFORE = Option("<before>", values.file, "a recording", "<before>", completes=FILES)
AFTER = BEFORE._replace(
    name="<after>",
    meaning="another recording; by default, what runs now",
    metavar="<after>",
    is_optional=True,
)
RECORDING = Option("<recording>", values.file, "a recording", "<recording>", completes=FILES)
WAITED_SERVICES = TRACKED_SERVICE._replace(
    meaning="their names (case-insensitive)", is_repeatable=True
)
SHELL = _choice("<shell>", "bash, zsh or fish", "<shell>", "bash", "zsh", "fish")

# Groups that commands share.
THE_FLEET = Group(
    "the fleet",
    (
        *(URL, DEMO, FROM, MAX_CPU, MAX_MEMORY, TIMEOUT, DEADLINE, CONCURRENCY, TRANSPORT),
        *(TOKEN_FILE, CA_FILE, INSECURE, PROFILE, VERBOSE, HELP),
    ),
)
THE_API = THE_FLEET._replace(options=tuple(each for each in THE_FLEET.options if each is not FROM))
A_FLEET_OR_REPLAY = THE_FLEET._replace(
    options=tuple(FROM_TO_REPLAY if each is FROM else each for each in THE_FLEET.options)
)
ORDER = (SORT_BY, REVERSE, TOP)
STYLE = (OUTPUT, NO_HEADERS, COLOR)
