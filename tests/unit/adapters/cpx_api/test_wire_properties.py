"""The parser is total: whatever comes, there is a value or a reason."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from cpx_monitor.adapters.cpx_api.wire import BadAnswer, parse_instance, parse_listing
from cpx_monitor.domain.fleet import Instance, Unknown, address_order

IP = "10.58.1.1"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
nearly_percentages = st.one_of(
    st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{0,3})?%?", fullmatch=True),
    st.text(max_size=6),
    st.floats().map(lambda number: f"{number}%"),
)
nearly_answers = st.fixed_dictionaries(
    {},
    optional={
        "cpu": nearly_percentages | json_values,
        "memory": nearly_percentages | json_values,
        "service": st.text(st.characters(codec=None)) | json_values,
        "more": json_values,
    },
)


def is_sound(seen):
    if isinstance(seen, Unknown):
        return bool(seen.reason) and len(seen.reason) < 200
    loads = (seen.cpu_percent, seen.memory_percent)
    return bool(seen.service.strip()) and all(0 <= load <= 100 for load in loads)


@given(st.binary(max_size=300))
def test_any_bytes_give_an_instance_or_a_reason(body):
    assert is_sound(parse_instance(IP, body))


@given(json_values | nearly_answers)
def test_any_json_gives_an_instance_or_a_reason(value):
    assert is_sound(parse_instance(IP, json.dumps(value).encode()))


@given(nearly_percentages)
def test_a_percentage_is_what_its_digits_say_or_nothing(text):
    body = json.dumps({"service": "S", "cpu": text, "memory": "1%"}).encode()
    seen = parse_instance(IP, body)

    if re.fullmatch(r"[0-9]+(\.[0-9]+)?%", text, re.ASCII) and float(text[:-1]) <= 100:
        # A server that means 61 does not write 00061%.
        if len(text.partition(".")[0].rstrip("%")) <= 3 and isinstance(seen, Instance):
            assert seen.cpu_percent == float(text[:-1])
    else:
        assert isinstance(seen, Unknown)


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_a_list_or_a_reason(body):
    try:
        addresses = list(parse_listing(body).spelling_of)
    except BadAnswer:
        return
    assert addresses == sorted(addresses, key=address_order)


@given(
    st.lists(
        st.ip_addresses().map(str)
        | st.ip_addresses(v=6).map(lambda address: address.exploded.upper())
        | json_values
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_a_list_and_what_is_in_it_twice_change_nothing(entries, chance):
    again = [*entries, *(chance.choices(entries, k=2) if entries else [])]
    chance.shuffle(again)
    one, other = (parse_listing(json.dumps(each).encode()) for each in (entries, again))

    assert list(one.spelling_of) == list(other.spelling_of)
    assert set(one.rejected) == set(other.rejected)
    assert len(one.rejected) + len(one.spelling_of) <= len(entries)
