import json

import pytest

from cpx_monitor.adapters.cpx_api.wire import BadAnswer, parse_instance, parse_listing
from cpx_monitor.domain.fleet import Instance, Unknown

IP = "10.58.1.1"
NOT_PERCENTAGES = (
    *("", "%", "61", "61%%", "61 %", " 61%", "61%\n", ".5%", "5.%"),
    *("-1%", "+1%", "161%", "100.1%", "1e1%", "0x1%", "1_0%", "NaN%", "inf%", "٦١%"),
)


def answer(**fields):
    return json.dumps({"cpu": "61%", "service": "UserService", "memory": "4%", **fields}).encode()


def reason_for(body):
    seen = parse_instance(IP, body)
    assert isinstance(seen, Unknown), seen
    return seen.reason


class TestAnInstancesAnswer:
    def test_becomes_numbers(self):
        assert parse_instance(IP, answer()) == Instance(IP, "UserService", 61, 4)

    def test_may_hold_more_than_it_must(self):
        assert parse_instance(IP, answer(disk="9%")) == Instance(IP, "UserService", 61, 4)

    def test_a_whole_percentage_is_a_whole_number(self):
        seen = parse_instance(IP, answer(cpu="07%", memory="7.0%"))

        assert (repr(seen.cpu_percent), repr(seen.memory_percent)) == ("7", "7.0")

    def test_that_cannot_be_used_is_of_the_address_that_was_asked(self):
        assert parse_instance(IP, b"").ip == parse_instance(IP, answer(cpu="x")).ip == IP

    def test_may_have_white_space_around_it(self):
        for body in (b" " + answer(), answer() + b"\n", b"\t" + answer() + b"\r\n "):
            assert parse_instance(IP, body) == parse_instance(IP, answer())

    def test_has_nothing_else_behind_it(self):
        for more in (b"x", b"{}", b"\n]", answer()):
            assert reason_for(answer() + more) == "not valid JSON"

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ('{"cpu":"99%","service":"A","memory":"4%","cpu":"1%"}', "cpu"),
            (r'{"cpu":"99%","service":"A","memory":"4%","c\u0070u":"1%"}', "cpu"),
            ('{"service":"A","cpu":"1%","memory":"4%","service":"B"}', "service"),
            ('{"cpu":"1%","service":"A","memory":"4%","more":[{"x":1,"x":2}]}', "x"),
        ],
    )
    def test_that_names_a_key_twice_contradicts_itself(self, body, name):
        assert parse_instance(IP, body.encode()) == Unknown(IP, f"'{name}' appears twice")

    def test_may_have_colons_elsewhere(self):
        body = b'{"cpu":"1%","service":"A:B","memory":"4%","more":{"x":1,"y":":"}}'

        assert parse_instance(IP, body) == Instance(IP, "A:B", 1, 4)

    def test_a_value_is_quoted_whole_up_to_forty_characters(self):
        assert reason_for(answer(cpu="9" * 38)) == "cpu is '" + "9" * 38 + "'"
        assert reason_for(answer(cpu="9" * 39)) == "cpu is '" + "9" * 39 + "…"

    @pytest.mark.parametrize(
        ("text", "percent"),
        [("0%", 0), ("100%", 100), ("100.0%", 100), ("61.25%", 61.25), ("07%", 7), ("0.5%", 0.5)],
    )
    def test_percentages_run_from_0_to_100_with_an_optional_fraction(self, text, percent):
        assert parse_instance(IP, answer(cpu=text)).cpu_percent == percent

    @pytest.mark.parametrize(
        "text",
        NOT_PERCENTAGES,
    )
    def test_any_other_percentage_is_quoted_and_never_clamped(self, text):
        assert reason_for(answer(cpu=text)) == f"cpu is {text!r}"
        assert reason_for(answer(memory=text)) == f"memory is {text!r}"

    @pytest.mark.parametrize(
        ("value", "quoted"), [(61, "61"), (0.5, "0.5"), (None, "null"), (True, "true")]
    )
    def test_a_percentage_that_is_no_text_is_quoted_as_json_has_it(self, value, quoted):
        assert reason_for(answer(cpu=value)) == f"cpu is {quoted}"

    def test_a_long_value_is_cut_in_the_reason(self):
        assert reason_for(answer(cpu="9" * 10_000)) == "cpu is '" + "9" * 39 + "…"

    @pytest.mark.parametrize("value", [{}, [], {"a": 1}, [1, 2]])
    def test_a_structure_is_named_not_quoted(self, value):
        assert reason_for(answer(cpu=value)) in ("cpu is an object", "cpu is a list")

    def test_that_names_its_service_but_has_no_usable_load_is_that_service_s_own(self):
        assert parse_instance(IP, answer(cpu="161%")) == Unknown(IP, "cpu is '161%'", "UserService")

    @pytest.mark.parametrize("name", ["", "  ", None, 7, ["A"]])
    def test_without_a_usable_service_name_belongs_to_no_service(self, name):
        seen = parse_instance(IP, answer(service=name))

        assert seen.service is None
        assert seen.reason.startswith("service is ")

    def test_with_a_service_name_past_256_characters_is_unknown(self):
        assert isinstance(parse_instance(IP, answer(service="x" * 256)), Instance)
        assert reason_for(answer(service="x" * 257)) == "the service name is longer than 256"

    @pytest.mark.parametrize("missing", ["cpu", "memory", "service"])
    def test_that_lacks_a_field_says_which(self, missing):
        fields = json.loads(answer())
        del fields[missing]

        assert reason_for(json.dumps(fields).encode()) == f"{missing} is missing"

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "an empty answer"),
            (b"<html>", "not valid JSON"),
            (b'{"cpu": "61%"', "not valid JSON"),
            (b"\xff\xfe\x00", "not valid JSON"),
            (b"[" * 60_000, "not valid JSON"),
            (b"9" * 10_000, "not valid JSON"),
            (b"[1]", "expected a JSON object, not a list"),
            (b'"x"', "expected a JSON object, not 'x'"),
            (b"null", "expected a JSON object, not null"),
        ],
    )
    def test_that_is_no_object_says_what_is_wrong(self, body, reason):
        assert reason_for(body) == reason


class TestTheListing:
    def test_is_put_in_address_order(self):
        listing = parse_listing(b'["10.58.1.10","10.58.1.9"]')

        assert list(listing.spelling_of) == ["10.58.1.9", "10.58.1.10"]
        assert listing.rejected == ()

    def test_counts_an_address_once_and_asks_for_it_as_it_was_first_spelt(self):
        listing = parse_listing(b'["2001:DB8::1","2001:db8::1","10.0.0.1","10.0.0.1"]')

        assert listing.spelling_of == {"10.0.0.1": "10.0.0.1", "2001:db8::1": "2001:DB8::1"}

    def test_knows_an_ipv4_address_that_is_spelt_as_ipv6(self):
        listing = parse_listing(b'["::1","::ffff:10.0.0.9","10.0.0.10","::ffff:10.0.0.1"]')

        assert list(listing.spelling_of.items()) == [
            ("10.0.0.1", "::ffff:10.0.0.1"),
            ("10.0.0.9", "::ffff:10.0.0.9"),
            ("10.0.0.10", "10.0.0.10"),
            ("::1", "::1"),
        ]

    @pytest.mark.parametrize(
        "listed", [["10.0.0.1", "::ffff:10.0.0.1"], ["::ffff:10.0.0.1", "10.0.0.1"]]
    )
    def test_counts_it_once_and_asks_for_it_as_ipv4(self, listed):
        listing = parse_listing(json.dumps(listed).encode())

        assert listing.spelling_of == {"10.0.0.1": "10.0.0.1"}

    def test_keeps_what_is_no_address_apart(self):
        listing = parse_listing(
            b'["10.0.0.1","../etc","http://10.0.0.2/",7,null,true,{},[],"fe80::1%eth0"]'
        )

        assert list(listing.spelling_of) == ["10.0.0.1"]
        assert listing.rejected == (
            "'../etc'",
            "'http://10.0.0.2/'",
            "7",
            "null",
            "true",
            "an object",
            "a list",
            "'fe80::1%eth0'",
        )

    def test_may_name_200_000_servers_and_no_more(self):
        ips = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(200_001)]

        assert len(parse_listing(json.dumps(ips[:-1]).encode()).spelling_of) == 200_000
        with pytest.raises(BadAnswer, match="more than 200,000 servers are listed"):
            parse_listing(json.dumps(ips).encode())

    def test_may_be_empty(self):
        assert parse_listing(b"[]").spelling_of == {}

    def test_that_is_none_is_quoted(self):
        with pytest.raises(BadAnswer, match="expected a JSON list, not 7"):
            parse_listing(b"7")

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"servers":[]}', b'"10.0.0.1"', b"null", b"<"])
    def test_that_is_no_json_list_is_refused(self, body):
        with pytest.raises(BadAnswer):
            parse_listing(body)


def test_ipv6_addresses_come_after_all_others_and_in_numeric_order():
    listed = ["2001:db8::a", "2001:db8::10", "10.0.0.10", "10.0.0.9", "::2"]

    ordered = list(parse_listing(json.dumps(listed).encode()).spelling_of)
    assert ordered == ["10.0.0.9", "10.0.0.10", "::2", "2001:db8::a", "2001:db8::10"]
