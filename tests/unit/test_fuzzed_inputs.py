"""Twenty thousand cases each of lists, names, recordings, profiles and terminals.

Each comes to what an oracle says, or to an error for people; none to a trace, a wrong value or
growth. The answers have their own, over real sockets.
"""

import gc
import json
import os
import random
import re
import shlex
import threading
import unicodedata
from ipaddress import IPv4Address, IPv6Address

import pytest
from support import NOON, round_of, snapshot, track_round

from cpx_monitor.adapters.cpx_api.wire import BadAnswer, parse_instance, parse_listing
from cpx_monitor.adapters.presenters.escape import printable, unmistakable
from cpx_monitor.adapters.presenters.frames import Heading, Height, report_frame, track_frame
from cpx_monitor.adapters.presenters.layout import Style, display_width, without_color
from cpx_monitor.adapters.presenters.report_tables import render_table
from cpx_monitor.adapters.recordings.reader import Recording
from cpx_monitor.app.history import History
from cpx_monitor.app.ports import FileUnusable
from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.fleet import Instance, Unknown
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.commands.registry import every_option
from cpx_monitor.entrypoints.completion.candidates import quoted_for_bash
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import (
    FleetOptions,
    policy_of,
    recording_to_write,
)
from cpx_monitor.entrypoints.options.profile import load_profile
from cpx_monitor.entrypoints.options.words import UsageError
from cpx_monitor.entrypoints.terminal.stream import Stream

CASES = int(os.environ.get("CPX_FUZZ_CASES", "1000"))  # `make fuzz` tries 20,000
MAX_GROWTH = 5_000  # objects; what is imported meanwhile leaves some thousand
POLICY = HealthPolicy()
PIECES = (
    *(
        "$(touch pwned)",
        "`x`",
        "'",
        '"',
        "\\",
        "\n",
        "\r",
        "\t",
        "\x00",
        "\x1b[2J",
        "\x9b",
        "-",
        "--",
    ),
    *(
        "=",
        ":",
        " ",
        "  ",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "!",
        "~",
        "#",
        "&",
        "|",
        ";",
        "<",
        ">",
        "(",
        ")",
    ),
    *(
        "\u202e",
        "\u200b",
        "\u3164",
        "\ufe0f",
        "\u2028",
        "\xa0",
        "\ud800",
        "服务",
        "é",
        "e\u0301",
        "🙂",
    ),
    *("Auth", "Service", "Unknown", "Healthy", "%", "9" * 30, "x" * 90),
)


@pytest.fixture
def chance(request):
    return random.Random(request.node.name)


@pytest.fixture(autouse=True)
def no_growth():
    """If each case left one object behind, it would show beside what is imported meanwhile."""
    gc.collect()
    before = len(gc.get_objects())
    yield
    gc.collect()
    assert len(gc.get_objects()) - before < MAX_GROWTH


def name_of(chance):
    return "".join(chance.choices(PIECES, k=chance.randint(1, 5)))


def is_safe(text):
    return not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in text)


class TestLists:
    @staticmethod
    def spelt(chance, number):
        """An address in one of its spellings."""
        ipv4, ipv6 = IPv4Address(number), IPv6Address((0x20010DB8 << 96) | number)
        return chance.choice(
            (
                str(ipv4),
                f"::ffff:{ipv4}",
                f"::FFFF:{number >> 16:x}:{number & 65535:x}",
                str(ipv6),
                ipv6.exploded,
                ipv6.exploded.upper(),
                f"2001:db8:0::{number >> 16:x}:{number & 65535:x}",
            )
        )

    @staticmethod
    def meant(entry):
        """What an entry means, by Python's own library; None where it is no address."""
        try:
            return str(IPv4Address(entry))
        except ValueError:
            address = IPv6Address(entry)
            return str(address.ipv4_mapped or address)

    def test_are_of_each_address_once_however_it_is_spelt(self, chance):
        junk = (
            "",
            "10.0.0",
            "10.0.0.256",
            "010.0.0.1",
            "fe80::1%eth0",
            "::g",
            "../x",
            None,
            7,
            [],
            {},
        )
        for _ in range(CASES):
            numbers = [chance.randrange(1, 2**32) for _ in range(chance.randint(0, 3))]
            good = [self.spelt(chance, chance.choice(numbers)) for _ in numbers * 2]
            bad = chance.choices(junk, k=chance.randint(0, 2))
            entries = [*good, *bad]
            chance.shuffle(entries)

            listing = parse_listing(json.dumps(entries).encode())

            assert set(listing.spelling_of) == {self.meant(entry) for entry in good}
            assert len(listing.rejected) == len(bad)
            for ip, spelling in listing.spelling_of.items():
                assert self.meant(spelling) == ip
                assert spelling in good

    def test_of_two_hundred_thousand_are_in_order(self, chance):
        entries = [self.spelt(chance, chance.randrange(1, 2**32)) for _ in range(200_000)]

        listing = parse_listing(json.dumps(entries).encode())

        parsed = [IPv6Address(ip) if ":" in ip else IPv4Address(ip) for ip in listing.spelling_of]
        assert parsed == sorted(parsed, key=lambda ip: (ip.version, ip))
        assert {str(ip) for ip in parsed} == {self.meant(entry) for entry in entries}


class TestNames:
    def test_are_shown_safely_and_completed_as_they_are(self, chance):
        for _ in range(CASES):
            name = name_of(chance)
            seen = parse_instance(
                "10.0.0.1", json.dumps({"service": name, "cpu": "1%", "memory": "2%"}).encode()
            )
            if isinstance(seen, Unknown):
                assert not name.strip() or len(name) > 256
                continue
            assert seen.service == name
            assert is_safe(printable(unmistakable(name)))
            if printable(name) == name:
                assert shlex.split(quoted_for_bash(name)) == [name]

    def test_never_break_a_table(self, chance):
        for _ in range(CASES // 20):
            fleet = [
                Instance(f"10.0.0.{number}", name_of(chance) + "x", number, number)
                for number in range(20)
            ]
            text = render_table(list_instances(snapshot(*fleet), POLICY), Style())
            assert text.count("\n") == 22
            assert is_safe(text.replace("\n", ""))


class TestRecordings:
    HEADER = '{"format": "cpx-monitor-recording", "version": 1}\n'

    @staticmethod
    def round_of(number):
        when = f'"round": {number}, "observed_at": "2026-11-22T12:00:0{number}+00:00"'
        return (
            f'{{{when}, "ip": "10.0.0.1", "service": "A", "cpu_percent": 1, "memory_percent": 2}}\n'
            f'{{{when}, "ip": "10.0.0.2", "service": null, "reason": "refused"}}\n'
            f'{{{when}, "complete": true, "observations": 2, "everybody_asked": true, "left": [],'
            f' "rejected": [], "tracked": "A", "source": "x", "took_seconds": 0.1,'
            f' "stale_list": {{"age_s": 1.5, "reason": "r"}}}}\n'
        )

    WORDS = (
        *("9" * 400, "1e400", "-1", "NaN", "Infinity", "null", "true", "[]", "{}", '""', '"x"'),
        *("[" * 500, "\x00", "\n", '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"'),
        *('"10.0.0.2"', "3", "0", "\ud800", "é"),
    )

    def damaged(self, chance, text):
        for _ in range(chance.randint(1, 3)):
            values = list(re.finditer(r"(?<=: )[^,}\n]+", text))
            match chance.randrange(4):
                case 0 if values:
                    value = chance.choice(values)
                    text = text[: value.start()] + chance.choice(self.WORDS) + text[value.end() :]
                case 1:
                    at = chance.randrange(len(text))
                    text = text[:at] + chance.choice(self.WORDS) + text[at + 1 :]
                case 2:
                    at = chance.randrange(len(text))
                    text = text[:at] + text[at + chance.randint(1, 60) :]
                case 3:
                    lines = text.splitlines(keepends=True)
                    chance.shuffle(lines)
                    text = "".join(lines)
        return text

    def test_give_sound_rounds_or_say_what_is_wrong(self, chance, tmp_path):
        path = str(tmp_path / "recording.jsonl")
        whole = "".join(self.round_of(number) for number in (1, 2, 3))
        complaints = []
        for case in range(CASES):
            text = self.HEADER + self.damaged(chance, whole)
            if case % 50 == 0:
                text = self.damaged(chance, text)
            with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
                file.write(text)
            warnings = []
            try:
                last = Recording(path, warnings.append).last()
            except FileUnusable as error:
                complaints.append(str(error))
                continue
            for seen in last.observations:
                assert isinstance(seen, Unknown) or (0 <= seen.cpu_percent <= 100)
            report = list_instances(last, POLICY)
            assert "Infinity" not in json.dumps(report.basis.took_seconds)
        assert all(complaints)
        assert len(complaints) < CASES / 2


class TestProfiles:
    VALUES = (
        *('"http://h"', '"localhost:1"', "1", "0.5", "-1", "true", "false", '"auto"', '"9s"', "[]"),
        *('["A"]', "{}", "1979-05-27", "inf", "nan", '"\\u001b"', "9" * 400, '"' + "x" * 300 + '"'),
        *('"/"', '"json"', '"requests"', '"never"', "'''a\nb'''", '""'),
    )

    def test_are_settings_or_wrong_usage(self, chance, tmp_path):
        options = every_option()
        keys = [name.removeprefix("--") for name in options]
        folder = tmp_path / "cpx-monitor"
        folder.mkdir()
        words = dict.fromkeys(options)
        complaints = []
        for case in range(CASES):
            lines = [
                f"{chance.choice(keys)} = {chance.choice(self.VALUES)}"
                for _ in range(chance.randint(0, 2))
            ]
            if case % 10 == 0:
                lines.append(name_of(chance))
            text = "\n".join(["[p]", *lines, ""])
            (folder / "config.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
            environ = {"XDG_CONFIG_HOME": str(tmp_path)}
            try:
                arguments = Arguments(words, environ, load_profile("p", environ, options))
                FleetOptions.from_arguments(arguments)
                policy_of(arguments, print)
                recording_to_write(arguments)
            except UsageError as error:
                complaints.append(str(error))
        assert all(complaints)
        assert CASES / 10 < len(complaints) < CASES * 9 / 10


class TestTerminals:
    def test_get_frames_that_fit_whatever_their_size(self, chance):
        fleet = [
            *(Instance(f"10.58.1.{n}", name_of(chance) + "x", n * 4, n * 3) for n in range(1, 12)),
            *(Unknown(f"10.58.1.{n}", f"answered 50{n % 10}, {name_of(chance)}") for n in (30, 31)),
        ]
        reports = [
            list_instances(snapshot(*fleet), POLICY),
            averages(snapshot(*fleet), POLICY),
            at_risk(snapshot(*fleet), POLICY, 2),
        ]
        history = History()
        shown = track_round(1, *fleet)
        instances = history.learn(shown)
        for _ in range(CASES):
            columns, lines = chance.randint(1, 200), chance.randint(1, 60)
            look = Style(chance.random() < 0.5, True, columns, chance.random() < 0.3)
            heading = Heading(f"round 1 at {NOON}", [name_of(chance)] * chance.randint(0, 2))
            height = Height(lines, chance.random() < 0.5)
            if chance.random() < 0.5:
                frame = track_frame(shown, instances, heading, look, height)
            else:
                wide = chance.random() < 0.5
                frame = report_frame(
                    round_of(chance.choice(reports)), heading, look, height, wide=wide
                )

            assert len(frame) <= lines
            for line in frame:
                plain = without_color(line)
                assert display_width(plain) <= columns
                assert is_safe(plain)

    def test_get_every_byte_however_slowly_they_read(self, chance):
        for _ in range(CASES // 200):
            reader, writer = os.pipe()
            os.set_blocking(writer, chance.random() < 0.5)
            content = chance.randbytes(chance.randint(1, 200_000))
            got = []
            sizes = [chance.randint(1, 70_000) for _ in range(1000)]

            def read(reader=reader, got=got, sizes=sizes):
                while data := os.read(reader, sizes.pop() if sizes else 70_000):
                    got.append(data)

            reading = threading.Thread(target=read)
            reading.start()
            stream, left = Stream(writer), memoryview(content)
            while left:
                left = left[stream.write(left) :]
            os.close(writer)
            reading.join()
            os.close(reader)
            assert b"".join(got) == content


def test_what_is_no_list_is_refused(chance):
    for _ in range(CASES):
        body = bytes(json.dumps({"x": name_of(chance)}), "ascii")[chance.randint(0, 5) :]
        with pytest.raises(BadAnswer):
            parse_listing(body)
