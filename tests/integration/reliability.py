"""Every fault of the simulator against every command: what is expected, and how it is tried.

A fleet of 19 instances: two for every service but UserService, which has 10.58.1.10 alone and so is
at risk. Four of them are hit, two of them of one service. With limits of 100 % all that answer are
healthy, so what is to be said follows from the kind of fault alone.
"""

import json
import re
import ssl
import urllib.request
from contextlib import contextmanager
from enum import Enum
from itertools import chain
from typing import NamedTuple

from cpx_monitor.simulator.faults import BODIES, CHURN, DELIVERIES, LIST_BODIES, REFUSE, TLS

INSTANCES = 19
HIT = ("10.58.1.1", "10.58.1.5", "10.58.1.15", "10.58.1.9")
TRACKED = "PermissionsService"  # 10.58.1.1, which is hit, and 10.58.1.11
TIMEOUT_S, DEADLINE_S = 0.6, 3
COMMANDS = {
    "list": ("list", "-o", "json"),
    "averages": ("averages", "-o", "json"),
    "at-risk": ("at-risk", "--threshold=2", "-o", "json"),
    "track": ("track", TRACKED, "--every=0.2", "--count=2", "-o", "jsonl"),
}
# Tried over one transport only, for what they see is what the others see.
MORE_COMMANDS = {
    "expect": ("expect",),
    "diff": ("diff", "{before}", "--by=100", "-o", "json"),
    "wait": ("wait", TRACKED, "--within=1", "--every=0.2"),
    "doctor": ("doctor", "-o", "json"),
}
TRANSPORTS = ("direct", "requests")
RETRY_BUDGET = 10


class Effect(Enum):
    """What a fault means for those it hits, or for all where it hits the list."""

    NONE = "answers count"
    NAMELESS = "Unknown, of any service"
    OWN = "Unknown, of its own service"
    REJECTED = "answers count, but entries are rejected"
    RACK = "nine of ten hang; Unknown, of any service"
    CHURN = "listed, then gone; not listed the next time"
    NO_LIST = "no list"
    ALL_SILENT = "no instance answers"


CODES = {
    effect: dict(zip(COMMANDS, codes.split(), strict=True))
    for effect, codes in {
        Effect.NONE: "0 0 2 0",
        Effect.NAMELESS: "1 1 1 0",
        Effect.OWN: "1 1 2 0",
        Effect.REJECTED: "1 1 2 0",
        Effect.RACK: "1 1 1 0/3",  # 3 where no instance of the tracked service is left
        Effect.CHURN: "1 0 1 0",  # the second list has none of them
        Effect.NO_LIST: "3 3 3 3",
        Effect.ALL_SILENT: "3 3 3 3",
    }.items()
}

# UserService has a single instance, so the doctor always warns of it.
MORE_CODES = {
    effect: dict(zip(MORE_COMMANDS, codes.split(), strict=True))
    for effect, codes in {
        Effect.NONE: "0 0 0 1",
        Effect.NAMELESS: "1 2 0 1",
        Effect.OWN: "1 2 0 1",
        Effect.REJECTED: "1 1 0 1",
        Effect.RACK: "1 2 0/2/3 2",  # as track, or the time is up before they are timed out
        Effect.CHURN: "0/1 0/2 0 1",
        Effect.NO_LIST: "3 3 2/3 2",  # 2 where it is a list, but an empty one
        Effect.ALL_SILENT: "3 3 2/3 2",
    }.items()
}
# An instance that gives another name has moved; which of them does so may change.
GIVES_OTHER_NAMES = {
    *("renames", "service-escapes", "service-formula", "service-surrogate", "service-dash"),
    *("service-invisible", "service-option", "service-shell"),
}


def more_codes(fault):
    codes = MORE_CODES[effect_of(fault)]
    return {**codes, "diff": "0/2"} if fault in GIVES_OTHER_NAMES else codes


HARMLESS = {
    *(
        "no-length",
        "length-blanks",
        "gzip",
        "gzip-members",
        "late-0.3s",
        "cpu-fraction",
        "json-extra",
        "twice",
        "renames",
    ),
    *("service-dash", "service-invisible", "service-option", "service-shell"),
    *("service-escapes", "service-formula", "service-surrogate", "tls", "interim", "closes"),
    *("twice-kept", "twice-after-1ms", "twice-after-50ms"),
    *("http-429-after-1s*1", "http-503-after-date*1", "http-503-after-0s*1", "http-429*1"),
    *("http-503-after-past*1", "http-502*1", "reset*1", "truncated*1", "http-503-after-negative*1"),
    *("http-503-after-soon*1",),
}
OF_OWN_SERVICE = {
    name for name in BODIES if name.startswith(("cpu-", "memory-")) or name == "json-nan"
} - HARMLESS

STATUSES = (400, 401, 403, 404, 429, 500, 502, 503, 504)
REFUSALS = tuple(
    f"http-{status}-after-{form}"
    for status in (429, 503)
    for form in ("0s", "negative", "1s", "3600s", "date", "past", "soon")
)
INSTANCE_FAULTS = (
    *DELIVERIES,
    *BODIES,
    *(f"http-{status}" for status in STATUSES),
    *REFUSALS,
    *sorted(name for name in HARMLESS if "*" in name),
    *("late-0.3s", "late-2s", "renames", "twice-after-1ms", "twice-after-50ms"),
)
# Nine tenths of the fleet hang: neighbours at its front or at its end, or nine in turn of ten.
RACKS = {
    f"never@10.58.1.1-10.58.1.{INSTANCES - 2}": range(1, INSTANCES - 1),
    f"never@10.58.1.3-10.58.1.{INSTANCES}": range(3, INSTANCES + 1),
    "never@9/10": [last for last in range(1, INSTANCES + 1) if last % 10],
}
LIST_FAULTS = (
    *LIST_BODIES,
    *(f"list-{name}" for name in DELIVERIES),
    *(f"list-http-{status}" for status in STATUSES),
    *("list-http-503-after-1s", "list-http-503-after-3600s", "list-http-503-after-1s*1"),
    *("list-http-429-after-date*1", "list-http-502*2", "list-reset*2", "list-late-0.3s"),
    *("list-late-2s", REFUSE, *TLS),
)
LISTS_THAT_WILL_DO = {
    *("list-mapped", "list-length-blanks", "list-gzip-members"),
    *("list-duplicates", "list-no-length", "list-gzip", "list-late-0.3s", "list-twice", "tls"),
    *("list-http-503-after-1s*1", "list-http-429-after-date*1", "list-http-502*2"),
    *("list-reset*2", "list-interim", "list-closes", "list-twice-kept"),
}
EVERY_FAULT = (*INSTANCE_FAULTS, *RACKS, CHURN, *LIST_FAULTS)


def sends_too_much(fault):
    """Whether the server sends more than was requested, so that answers are in doubt."""
    return fault.startswith("twice") or fault == "length-too-short"


def hit_by(fault):
    """The addresses that it hits."""
    return {f"10.58.1.{last}" for last in RACKS[fault]} if fault in RACKS else set(HIT)


def effect_of(fault):
    if fault == "list-junk":
        return Effect.REJECTED
    if fault == REFUSE:
        return Effect.ALL_SILENT
    if fault in RACKS:
        return Effect.RACK
    if fault == CHURN:
        return Effect.CHURN
    if fault in LISTS_THAT_WILL_DO or fault in HARMLESS:
        return Effect.NONE
    if fault in LIST_FAULTS:
        return Effect.NO_LIST
    return Effect.OWN if fault in OF_OWN_SERVICE else Effect.NAMELESS


def options_of(fault):
    if fault in LIST_FAULTS or fault in RACKS:
        return [f"--fault={fault}"]
    return [f"--fault={fault}@{address}" for address in HIT]


class Cell(NamedTuple):
    """One command against one fault over one transport, and what the server counted of it."""

    code: int
    stdout: str
    stderr: str
    took_s: float
    lists: int
    attempts: dict[str, int]

    @property
    def items(self):
        if self.stdout.startswith('{"schema"') or self.stdout.startswith("{\n"):
            return json.loads(self.stdout)["items"]
        lines = [json.loads(line) for line in self.stdout.splitlines()]
        return [line for line in lines if line.get("kind") != "Round"]

    @property
    def coverage(self):
        return json.loads(self.stdout)["coverage"]

    @property
    def said(self):
        """What a person is told: the reason of a row, or the error."""
        error = re.search(r"^error: (.*)", self.stderr, re.MULTILINE)
        reasons = (
            [item["reason"] for item in self.items if item.get("reason")] if self.items else []
        )
        told = error[1] if error else (reasons[0] if reasons else "")
        return re.sub(r"https?://(localhost|127\.0\.0\.1)(:\d+)?", "http://…", told)


def record_a_healthy_fleet(path, zygote, environ):
    """What ``diff`` compares with."""
    words = ("0", "--behaviour=fleet", f"--instances={INSTANCES}", "--seed=7")
    with zygote.server(*words, environ=environ) as (line,):
        url = line.removeprefix("listening on ")
        ended = zygote.monitor("list", f"--record={path}", f"--url={url}", environ=environ)
    assert ended.returncode == 0


def try_more(fault, before, zygote, environ):
    """The cells of a fault, by those commands that poll like the others."""
    return _try(fault, "direct", MORE_COMMANDS, before, zygote, environ)


def try_fault(fault, transport, zygote, environ):
    """The cells of a fault on a transport, by command."""
    return _try(fault, transport, COMMANDS, None, zygote, environ)


def _try(fault, transport, commands, recording, zygote, environ):
    cells = {}
    tried = {
        name: [recording if word == "{before}" else word for word in words]
        for name, words in commands.items()
    }
    if fault == REFUSE:  # after the list this server takes no requests
        for name, words in tried.items():
            with _simulator(fault, zygote, environ) as (url, trusted):
                ended = _run(fault, words, transport, url, trusted, zygote, environ)
                cells[name] = _cell(ended, {"lists": 1, "attempts": {}}, None)
        return cells
    before = {"lists": 0, "attempts": {}}
    with _simulator(fault, zygote, environ) as (url, trusted):
        for name, words in tried.items():
            ended = _run(fault, words, transport, url, trusted, zygote, environ)
            after = _stats(url)
            cells[name] = _cell(ended, after, before)
            before = after
    return cells


@contextmanager
def _simulator(fault, zygote, environ):
    lines = 2 if fault in TLS else 1
    words = ("0", "--behaviour=fleet", f"--instances={INSTANCES}", "--seed=7")
    with zygote.server(*words, *options_of(fault), environ=environ, lines=lines) as printed:
        url = printed[0].removeprefix("listening on ")
        yield url, printed[1].removeprefix("its authority is in ") if lines == 2 else None


def deadline_s(fault):
    """Longer where a wait is to be over within it, for it is followed by a slow pace."""
    return 4 * DEADLINE_S if re.search(r"-after-(1s|date)\*", fault) else DEADLINE_S


def _run(fault, words, transport, url, trusted, zygote, environ):
    return zygote.monitor(
        *words,
        *("--max-cpu=100", "--max-memory=100", f"--transport={transport}", f"--url={url}"),
        *(f"--timeout={TIMEOUT_S}", f"--deadline={deadline_s(fault)}"),
        *([f"--ca-file={trusted}"] if trusted else []),
        environ=environ,
    )


def _stats(url):
    context = ssl._create_unverified_context() if url.startswith("https") else None
    with urllib.request.urlopen(f"{url}/_stats", context=context, timeout=10) as answer:
        return json.load(answer)


def _cell(ended, after, before):
    before = before or {"lists": 0, "attempts": {}}
    attempts = {
        ip: times - before["attempts"].get(ip, 0)
        for ip, times in after["attempts"].items()
        if times > before["attempts"].get(ip, 0)
    }
    return Cell(
        ended.returncode,
        ended.stdout,
        ended.stderr,
        ended.took_s,
        after["lists"] - before["lists"],
        attempts,
    )


def names_its_wait(fault):
    """Whether the fault's refusals name their wait, and so are no attempts."""
    return re.search(r"-after-([1-9]\d*s|date)", fault) is not None


HEADING = """\
# What cpx-monitor does when things go wrong

Every fault of the simulator against every command that polls, over both transports; `expect`,
`diff`, `wait` and `doctor` over one. These are {cells} processes. Four of nineteen
instances are hit, or the list of servers, or with `never@…` the seventeen or eighteen that
it names. `tests/integration/test_reliability.py` checks
that no cell has a traceback, a hang, or a verdict that its fault does not allow; `make reliability`
runs it and writes this page.

The limits are a time-out of {timeout} s and a deadline of {deadline} s. UserService has a single
instance, so `at-risk` ends with 2 where it can be certain, with 1 where instances in doubt may be
of that service, and with 3 where nothing can be said. Sixteen processes ran at a time, which is why
even the shortest take a while.

A fault is chosen by whom it hits: one instance (`@10.58.1.7`), a share at random (`@10%`), a block
of neighbours (`@10.58.1.1-10.58.1.40`) or so many in turn (`@9/10`); by the kind of answer: the
list of servers (`list-…`) or an instance's; and by the moment: always, the first answers (`*1`), or
every n-th (`~5`).

## What no client can detect

- An answer does not say whom it is about. A server, or a proxy before it, that swaps two answers of
  one connection, or answers one request with the data of another, is believed.
- A second answer that is taken for the answer to the next request shows only as extra bytes at the
  end. Where the connection is closed before that, by a time-out or by the server, the answers over
  it are in doubt only if the server is known to do so.
- An answer that is sent before anything was requested, as the first one over a connection.

## What was tried

| column | what it holds |
|---|---|
| effect | what the fault means for those that it hits |
| says | the reason in the row, or the error; where they differ, `direct` / `requests` |
| exit | exit codes: `list`, `averages`, `at-risk`, `track`; `expect`, `diff`, `wait`, `doctor` |
| tries | in one collection, most requests for one instance / for the list |
| s | the longest of the first four commands, `direct` / `requests` (`track` has two rounds) |

| fault | effect | says | exit | tries | s |
|---|---|---|---|---|---|
"""


def page(cells):
    rows = [_row(fault, cells[fault]) for fault in EVERY_FAULT]
    head = HEADING.format(
        cells=len(EVERY_FAULT) * (len(COMMANDS) * len(TRANSPORTS) + len(MORE_COMMANDS)),
        timeout=TIMEOUT_S,
        deadline=DEADLINE_S,
    )
    return head + "".join(rows)


def _row(fault, by_transport):
    direct, requests = (by_transport[transport] for transport in TRANSPORTS)
    said = [each["list"].said for each in (direct, requests)]
    says = said[0] if said[0] == said[1] else f"{said[0]} / {said[1]}"
    # A track of two rounds asks twice.
    once = [cells[name] for cells in (direct, requests) for name in COMMANDS if name != "track"]
    tries = max(chain([0], *(cell.attempts.values() for cell in once)))
    codes = " ".join(_code(cell, CODES[effect_of(fault)][name]) for name, cell in direct.items())
    more = more_codes(fault)
    codes += "; " + " ".join(_code(cell, more[name]) for name, cell in by_transport["more"].items())
    slowest = " / ".join(
        f"{max(cell.took_s for cell in each.values()):.1f}" for each in (direct, requests)
    )
    lists = max(cell.lists for cell in once)
    shown_tries = "-" if fault == REFUSE else f"{tries or '-'} / {lists or '-'}"
    cells = (f"`{fault}`", effect_of(fault).value, _cell_text(says), codes, shown_tries, slowest)
    return "| " + " | ".join(cells) + " |\n"


def _code(cell, expected):
    return expected if str(cell.code) in expected else str(cell.code)


def _cell_text(text):
    return text.replace("|", "\\|").replace("<", "&lt;") or "-"
