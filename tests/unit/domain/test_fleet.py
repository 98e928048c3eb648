import pytest
from support import instance, snapshot, unknown

from cpx_monitor.domain.fleet import (
    Instance,
    address_order,
    canonical_address,
    in_address_order,
)


def test_addresses_are_in_numeric_order_ipv4_before_ipv6():
    seen = [Instance(ip, "S", 1, 1) for ip in ("::1", "10.58.1.10", "10.58.1.9", "9.0.0.1")]

    in_order = [each.ip for each in in_address_order(seen)]

    assert in_order == ["9.0.0.1", "10.58.1.9", "10.58.1.10", "::1"]


def test_earlier_parts_of_an_address_weigh_more_than_later_ones():
    in_order = [
        *("1.2.255.255", "1.255.2.2", "1.255.2.255", "1.255.255.2", "2.1.1.1", "2.1.2.1"),
        *("2.2.1.1", "255.0.0.0", "255.255.255.255", "::", "::ffff", "ffff::"),
    ]

    backwards = in_order[::-1]
    assert sorted(backwards, key=address_order) == in_order
    assert len({address_order(ip) for ip in in_order}) == len(in_order)


def test_of_two_observations_of_one_address_the_first_counts():
    assert in_address_order([instance(1, cpu=5), instance(1, cpu=6)]) == (instance(1, cpu=5),)


def test_a_snapshot_tells_who_answered_from_who_did_not():
    seen = snapshot(instance(2), unknown(1), unknown(3, "AuthService"))

    assert seen.answered == (instance(2),)
    assert seen.unknown == (unknown(1), unknown(3, "AuthService"))


def test_services_are_named_by_answers_and_by_unknown_instances_of_their_own():
    seen = snapshot(
        instance(1, "B"), instance(2, "A"), unknown(3, "C"), unknown(4, "A"), unknown(5)
    )

    assert [(s.name, s.answered, s.unknown, s.size) for s in seen.services] == [
        ("A", (instance(2, "A"),), (unknown(4, "A"),), 2),
        ("B", (instance(1, "B"),), (), 1),
        ("C", (), (unknown(3, "C"),), 1),
    ]


def test_only_an_instance_without_any_service_is_unattributed():
    assert snapshot(instance(1), unknown(2, "A"), unknown(3), unknown(4)).unattributed == 2


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.58.1.1", "10.58.1.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("0:0:0:0:0:FFFF:0a00:0001", "10.0.0.1"),
        ("::10.0.0.1", "::a00:1"),
    ],
)
def test_an_address_has_one_spelling(text, canonical):
    assert canonical_address(text) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "10.58.1", "10.58.1.256", "10.58.1.01", "../admin", "http://10.0.0.1", "fe80::1%eth0"],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="is neither an IPv4 nor an IPv6 address"):
        canonical_address(text)
