"""Everything that can go wrong with an answer, to be ordered by name.

A fault changes what is answered, or how it is delivered. ``parse_fault`` reads an order such as
``reset@10.58.1.7``, ``http-503-after-2s*1@10%`` or ``list-duplicates``.
"""

import functools
import gzip
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from cpx_monitor.simulator.replies import Answer, Ending, Pause, Step
from cpx_monitor.simulator.stats import SERVICES

Change = Callable[[Answer, int], Answer]
"""From the right answer, and how often this has been asked before, to the wrong one."""

Delivery = Callable[[Answer, bytes], Iterable[Step]]
"""From the answer, and the message that would carry it, to what is sent instead."""

_FAULT = re.compile(
    r"([a-z0-9.-]+)(?:\*([0-9]{1,6})|~([1-9][0-9]{0,5}))?(?:@([0-9./%-]+|[A-Z][A-Za-z]*))?",
    re.ASCII,
)
DRIP_S = 0.1
LARGE_BYTES = 1_000_000
HUGE_LIST = 250_000

REFUSE, CHURN, FRESH = "refuse", "churn", "list-fresh"
LEAVES, JOINS, ROLLS = "leaves-after", "joins-after", "rolls-every"
_TIMED = re.compile(rf"({LEAVES}|{JOINS}|{ROLLS})-([1-9][0-9]{{0,5}})", re.ASCII)
TLS = ("tls", "tls-expired", "tls-self-signed", "tls-other-name")


class Fault(NamedTuple):
    """``address``, ``share`` (0 to 1, spread at random), ``block`` (of neighbours, from the first
    to the last), ``turn`` (so many of every so many) or ``service`` say which instances it hits;
    without any it hits all. Each of them is hit the first ``times`` times, or every ``every``-th
    time, or always. ``after_lists`` is the number of list requests before, or between, what happens
    to them; 0 where that is no matter.
    """

    name: str
    of_list: bool = False
    address: str | None = None
    share: float | None = None
    block: tuple[IPv4Address, IPv4Address] | None = None
    turn: tuple[int, int] | None = None
    service: str | None = None
    after_lists: int = 0
    times: int | None = None
    every: int | None = None
    change: Change | None = None
    deliver: Delivery | None = None

    def is_due(self, turn: int) -> bool:
        """Whether it hits one that has been asked for so many times before."""
        if self.times is not None:
            return turn < self.times
        return self.every is None or turn % self.every == self.every - 1


def parse_fault(text: str) -> Fault:
    """
    Raises:
        ValueError: no such fault, or not for such a target; the message says what is wrong.
    """
    found = _FAULT.fullmatch(text)
    if not found:
        raise ValueError("a fault such as reset, http-503@10% or never*1@10.58.1.7 is expected")
    name, times, every, target = found.groups()
    if (times or every) and (name in (REFUSE, CHURN, *TLS) or _TIMED.fullmatch(name)):
        raise ValueError(f"{name} is for good")
    fault = _named(name)._replace(
        times=int(times) if times else None, every=int(every) if every else None
    )
    if target is None:
        return fault
    if fault.of_list or name == REFUSE or name in TLS:
        raise ValueError(f"{name} is not for single addresses")
    return fault._replace(**_target(target))


def _target(text: str) -> dict[str, Any]:
    """Cases: a service; a share, ``10%``; so many in turn, ``9/10``; a block,
    ``10.58.1.1-10.58.1.40``; an address.
    """
    if text[0].isalpha():
        if text not in SERVICES:
            raise ValueError(f"there is no service {text}; there are {', '.join(SERVICES)}")
        return {"service": text}
    if text.endswith("%"):
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?%", text) or float(text[:-1]) > 100:
            raise ValueError(f"{text} is no share")
        return {"share": float(text[:-1]) / 100}
    if turn := re.fullmatch(r"([0-9]{1,6})/([1-9][0-9]{0,5})", text):
        return {"turn": (int(turn[1]), int(turn[2]))}
    first, dash, last = text.partition("-")
    try:
        if dash:
            return {"block": (IPv4Address(first), IPv4Address(last))}
        return {"address": str(IPv4Address(text))}
    except ValueError:
        raise ValueError(
            f"{text} is neither an address nor a block of them, a share (10%) or a turn (9/10)"
        ) from None


def _named(name: str) -> Fault:
    """Cases: of the whole server, or over time; of a body; of how it is delivered; a refusal."""
    if name in (REFUSE, CHURN, *TLS):
        return Fault(name)
    if timed := _TIMED.fullmatch(name):
        return Fault(timed[1], after_lists=int(timed[2]))
    if name in _OVER_TIME:
        return Fault(name, of_list=name == FRESH, change=_OVER_TIME[name])
    if flips := re.fullmatch(r"flips-every-([1-9][0-9]{0,5})", name):
        return Fault(name, change=_flipping(int(flips[1])))
    if load := re.fullmatch(r"load-(100|[1-9]?[0-9])", name):
        return Fault(name, change=_with_body(_having(cpu=f"{load[1]}%", memory=f"{load[1]}%")))
    return _of_answers(name)


def _of_answers(name: str) -> Fault:
    if name in LIST_BODIES:
        return Fault(name, of_list=True, change=_with_body(LIST_BODIES[name]))
    of_list = name.startswith("list-")
    kind = name.removeprefix("list-")
    if kind == "gzip-bomb":
        _bomb()  # it takes a while, which no request should wait for
    if kind in DELIVERIES:
        return Fault(name, of_list, deliver=DELIVERIES[kind])
    if kind in BODIES and not of_list:
        return Fault(name, change=_with_body(BODIES[kind]))
    if twice := re.fullmatch(r"twice-after-([0-9]{1,5})ms", kind):
        return Fault(name, of_list, deliver=_twice_after(int(twice[1]) / 1000))
    if late := re.fullmatch(r"late-([0-9]{1,5}(?:\.[0-9]{1,6})?)s", kind):
        return Fault(name, of_list, deliver=_late(float(late[1])))
    if status := re.fullmatch(r"http-([1-9][0-9][0-9])(?:-after-(.+))?", kind):
        return Fault(name, of_list, change=_refusal(int(status[1]), status[2]))
    raise ValueError("there is no such fault; `cpx-server --help` names them")


# How an answer is delivered.


def _late(seconds: float) -> Delivery:
    return lambda answer, message: [Pause(seconds), message]


def _twice_after(seconds: float) -> Delivery:
    """On a connection that is kept, so that the next request may get it."""
    return lambda answer, message: [message, Pause(seconds), message]


def _drip(answer: Answer, message: bytes) -> Iterable[Step]:
    for byte in message:
        yield bytes([byte])
        yield Pause(DRIP_S)


def _framed(answer: Answer, *headers: str, body: bytes | None = None) -> bytes:
    return answer.head("HTTP/1.1", False, *headers) + (answer.body if body is None else body)


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


def _in_half(answer: Answer, then: Ending) -> list[Step]:
    whole = _framed(answer, f"Content-Length: {len(answer.body)}")
    return [whole[: -len(answer.body) // 2], Pause(0.01), then]


@functools.cache
def _bomb() -> bytes:
    """Twenty thousand bytes that become twenty million."""
    return gzip.compress(b" " * 20_000_000)


def _compressed(answer: Answer, body: bytes) -> list[Step]:
    message = _framed(answer, "Content-Encoding: gzip", f"Content-Length: {len(body)}", body=body)
    return [message, Ending.CLOSE]


DELIVERIES: Mapping[str, Delivery] = {
    "close": lambda answer, message: [Ending.CLOSE],
    "reset": lambda answer, message: [Ending.RESET],
    "reset-in-body": lambda answer, message: _in_half(answer, Ending.RESET),
    "never": lambda answer, message: [Ending.HANG],
    "never-in-body": lambda answer, message: _in_half(answer, Ending.HANG),
    "drip": _drip,
    "truncated": lambda answer, message: _in_half(answer, Ending.CLOSE),
    "length-too-long": lambda answer, message: [
        _framed(answer, f"Content-Length: {len(answer.body) + 9}"),
        Ending.HANG,
    ],
    "length-too-short": lambda answer, message: [
        _framed(answer, f"Content-Length: {len(answer.body) - 9}"),
        Ending.CLOSE,
    ],
    "length-no-number": lambda answer, message: [
        _framed(answer, "Content-Length: many"),
        Ending.CLOSE,
    ],
    "no-length": lambda answer, message: [_framed(answer), Ending.CLOSE],
    "bad-chunk": lambda answer, message: [
        _framed(
            answer,
            "Transfer-Encoding: chunked",
            body=_chunked(answer.body) + b"not a length\r\n",
        ),
        Ending.CLOSE,
    ],
    "header-flood": lambda answer, message: [
        _framed(answer, *(f"X-Flood-{number}: {number}" for number in range(1000))),
        Ending.CLOSE,
    ],
    "header-long": lambda answer, message: [
        _framed(answer, f"X-Long: {'x' * 200_000}"),
        Ending.CLOSE,
    ],
    "garbage": lambda answer, message: [b"SSH-2.0-OpenSSH_9.2\r\n\x00\xff\x1b[31m", Ending.CLOSE],
    "gzip": lambda answer, message: _compressed(answer, gzip.compress(answer.body)),
    "gzip-bomb": lambda answer, message: _compressed(answer, _bomb()),
    "gzip-broken": lambda answer, message: _compressed(answer, gzip.compress(answer.body)[2:]),
    "gzip-cut": lambda answer, message: _compressed(answer, gzip.compress(answer.body)[:-6]),
    "gzip-members": lambda answer, message: _compressed(
        answer, gzip.compress(answer.body[:9]) + gzip.compress(answer.body[9:])
    ),
    "gzip-tail": lambda answer, message: _compressed(answer, gzip.compress(answer.body) + b"{}"),
    "length-blanks": lambda answer, message: [
        _framed(answer, f"Content-Length: {len(answer.body)} \t "),
        Ending.CLOSE,
    ],
    "twice": lambda answer, message: [message + message, Ending.CLOSE],
    "twice-kept": lambda answer, message: [message + message],
    "interim": lambda answer, message: [
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + message
    ],
    "closes": lambda answer, message: [
        _framed(answer, f"Content-Length: {len(answer.body)}"),
        Ending.CLOSE,
    ],
}


# What is answered.


def _refusal(status: int, after: str | None) -> Change:
    def refuse(answer: Answer, turn: int) -> Answer:
        headers = () if after is None else (f"Retry-After: {_retry_after(after)}",)
        return Answer(status, b'{"error":"simulated"}', headers)

    return refuse


def _retry_after(form: str) -> str:
    match form:
        case "date":
            return formatdate(time.time() + 1, usegmt=True)
        case "past":
            return formatdate(0, usegmt=True)
        case "negative":
            return "-1"
    return form[:-1] if re.fullmatch(r"[0-9]+s", form) else form


def _redirect(where: str) -> Callable[[bytes], Answer]:
    return lambda body: Answer(301, b"", (f"Location: {where}",))


def _with_body(make: Callable[[bytes], bytes | Answer]) -> Change:
    def change(answer: Answer, turn: int) -> Answer:
        made = make(answer.body)
        return made if isinstance(made, Answer) else answer._replace(body=made)

    return change


def _renamed(answer: Answer, turn: int) -> Answer:
    """Another name with every second answer."""
    fields = json.loads(answer.body)
    return answer._replace(body=_json({**fields, "service": f"{fields['service']}{turn % 2 + 1}"}))


def _flipping(every: int) -> Change:
    """Healthy and overloaded in turn, for so many answers each."""

    def flip(answer: Answer, turn: int) -> Answer:
        load = "97%" if turn // every % 2 else "40%"
        return answer._replace(body=_having(cpu=load, memory=load)(answer.body))

    return flip


def _moved_on(answer: Answer, turn: int) -> Answer:
    """With other addresses in every list; ``moved_back`` knows whose they are."""
    step = turn + 1
    listed = [
        f"{(int(first) + step // 256) % 256}.{(int(second) + step) % 256}.{rest}"
        for first, second, rest in (ip.split(".", 2) for ip in json.loads(answer.body))
    ]
    return answer._replace(body=_json(listed))


_OVER_TIME: Mapping[str, Change] = {"renames": _renamed, FRESH: _moved_on}


def replaced(ip: str) -> str:
    """The address of the instance that took its place in a rolling replacement."""
    first, second, rest = ip.split(".", 2)
    return f"{first}.{(int(second) + 100) % 256}.{rest}"


def moved_back(ip: str) -> str:
    """The address that ``list-fresh`` made this one of."""
    rest = ip.split(".", 2)[2:]
    return ".".join(["10", "58", *rest])


def _having(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda body: _json({**json.loads(body), **fields})


def _lacking(name: str) -> Callable[[bytes], bytes]:
    return lambda body: _json(
        {key: value for key, value in json.loads(body).items() if key != name}
    )


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


BODIES: Mapping[str, Callable[[bytes], bytes | Answer]] = {
    "redirect-self": _redirect("?"),
    "redirect-away": _redirect("http://127.0.0.1:9/"),
    "too-large": lambda body: body + b" " * LARGE_BYTES,
    "cpu-bare": _having(cpu="61"),
    "cpu-spaced": _having(cpu="61 %"),
    "cpu-negative": _having(cpu="-1%"),
    "cpu-over": _having(cpu="161%"),
    "cpu-nan": _having(cpu="NaN%"),
    "cpu-arabic": _having(cpu="٦١%"),
    "cpu-exponent": _having(cpu="1e2%"),
    "cpu-fraction": _having(cpu="61.5%"),
    "cpu-number": _having(cpu=61),
    "cpu-null": _having(cpu=None),
    "cpu-list": _having(cpu=["61%"]),
    "cpu-missing": _lacking("cpu"),
    "memory-over": _having(memory="161%"),
    "memory-missing": _lacking("memory"),
    "service-missing": _lacking("service"),
    "service-empty": _having(service=""),
    "service-number": _having(service=7),
    "service-long": _having(service="S" * 300),
    "service-escapes": _having(service="\x1b[31mRed\x1b[0m\nTwo\u202elines"),
    "service-formula": _having(service='=HYPERLINK("x")'),
    "service-surrogate": _having(service="\ud800"),
    "service-dash": _having(service="-"),
    "service-invisible": _having(service="\u3164\u2800\u200b"),
    "service-option": _having(service="--url=http://127.0.0.1:9/"),
    "service-shell": _having(service="$(touch pwned)`touch pwned`="),
    "json-extra": _having(disk="9%", more={"nested": [1]}),
    "json-twice": lambda body: body.replace(b"{", b'{"cpu":"1%",'),
    "json-nan": lambda body: body.replace(b'"cpu":', b'"cpu":NaN,"was":'),
    "json-huge-integer": lambda body: body.replace(b'"cpu":', b'"cpu":%s,"was":' % (b"9" * 9999)),
    "json-deep": lambda body: b"[" * 30_000 + b"]" * 30_000,
    "json-list": lambda body: b"[%s]" % body,
    "json-cut": lambda body: body[:-5],
    "json-empty": lambda body: b"",
    "json-html": lambda body: b"<html><body>It works!</body></html>",
    "json-not-utf-8": lambda body: b"\xff\xfe\x00" + body,
}


def _junk_among(body: bytes) -> bytes:
    junk = [
        "../etc/passwd",
        "http://127.0.0.1:9/",
        "10.58.1.300",
        "fe80::1%eth0",
        7,
        None,
        {},
        "\x1b",
    ]
    return _json([*json.loads(body), *junk])


LIST_BODIES: Mapping[str, Callable[[bytes], bytes | Answer]] = {
    "list-duplicates": lambda body: _json(json.loads(body) * 2),
    "list-mapped": lambda body: _json(
        [*json.loads(body), *(f"::ffff:{ip}" for ip in json.loads(body))]
    ),
    "list-empty": lambda body: b"[]",
    "list-object": lambda body: _json({"servers": json.loads(body)}),
    "list-html": BODIES["json-html"],
    "list-cut": BODIES["json-cut"],
    "list-junk": _junk_among,
    "list-only-junk": lambda body: b'["nothing",7,null]',
    "list-huge": lambda body: b"[%s]" % b",".join([b'"10.0.0.1"'] * HUGE_LIST),
    "list-too-large": lambda body: body + b" " * 17 * 1024 * 1024,
    "list-redirect-self": _redirect("/servers"),
    "list-redirect-away": _redirect("http://127.0.0.1:9/servers"),
}
