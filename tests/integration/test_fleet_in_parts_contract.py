"""What every fleet in parts promises, whatever is behind it."""

import gevent
import pytest
from scripted_server import answer, in_turn, instance_answer

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.adapters.cpx_api.fleet_in_parts import CpxFleetInParts
from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit
from cpx_monitor.adapters.cpx_api.url import parse_url
from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.adapters.in_parts import PolledInParts
from cpx_monitor.adapters.transports.direct import DirectTransport
from cpx_monitor.adapters.transports.via_requests import RequestsTransport
from cpx_monitor.app.ports import FleetUnavailable, Part, Trouble
from cpx_monitor.app.scraping import RememberingParts
from cpx_monitor.domain.buckets import bucket_of
from cpx_monitor.domain.fleet import Instance, Unknown

ADDRESSES = [f"10.58.1.{n}" for n in range(1, 41)]
WITHIN_S = 20


def in_memory(serve, rounds):
    outcomes = [
        FleetUnavailable("cannot be listed", Trouble.UNWELL)
        if each is None
        else [Instance(ip, "Auth", 10, 20) for ip in each]
        for each in rounds
    ]
    return PolledInParts(InMemoryFleet(outcomes, SystemClock()), SystemClock())


def over_http(transport):
    def make(serve, rounds):
        lists = [answer(500, {}) if each is None else answer(200, each) for each in rounds]
        script = {f"/{ip}": instance_answer("Auth") for ip in ADDRESSES}
        url = serve({"/servers": in_turn(*lists), **script}).url
        return CpxFleetInParts(
            parse_url(url),
            transport(url),
            SystemClock(gevent.sleep),
            AdaptiveLimit(50),
            timeout_s=5,
            deadline_s=30,
            max_list_age_s=0,
        )

    return make


@pytest.fixture(
    params=[
        pytest.param(in_memory, id="memory"),
        pytest.param(over_http(DirectTransport), id="direct"),
        pytest.param(over_http(lambda url: RequestsTransport(url, 8)), id="requests"),
    ]
)
def make(request, serve):
    """Makes a fleet of these lists; None is a list that cannot be had."""
    return lambda *rounds: request.param(serve, rounds)


def polled(collected):
    return [seen.ip for seen in collected.snapshot.observations]


class TestAPart:
    def test_of_all_is_the_fleet_in_address_order(self, make):
        collected = make(ADDRESSES[::-1]).collect(Part(), WITHIN_S)

        assert polled(collected) == ADDRESSES
        assert all(isinstance(seen, Instance) for seen in collected.snapshot.observations)

    def test_is_a_bucket(self, make):
        fleet = make(ADDRESSES)
        for bucket in range(4):
            expected = [ip for ip in ADDRESSES if bucket_of(ip, 4) == bucket]

            assert polled(fleet.collect(Part(bucket, 4), WITHIN_S)) == expected

    def test_is_an_address_that_is_listed_or_nothing(self, make):
        fleet = make(ADDRESSES)

        assert polled(fleet.collect(Part(address="10.58.1.7"), WITHIN_S)) == ["10.58.1.7"]
        assert polled(fleet.collect(Part(address="10.9.9.9"), WITHIN_S)) == []


class TestTheList:
    def test_is_told_without_polling(self, make):
        listing = make(ADDRESSES).listing(WITHIN_S)

        assert list(listing.listed) == ADDRESSES
        assert (listing.snapshot, listing.is_listing, listing.failure) == (None, True, None)
        assert listing.list_age_s >= 0

    def test_that_never_was_leaves_nothing_to_poll(self, make):
        collected = make(None).collect(Part(), WITHIN_S)

        assert (collected.snapshot, collected.list_age_s) == (None, None)
        assert not collected.is_listing
        assert collected.failure

    def test_that_cannot_be_had_any_more_is_the_last_one(self, make):
        fleet = make(ADDRESSES[:2], None)
        fleet.collect(Part(), WITHIN_S)
        collected = fleet.collect(Part(), WITHIN_S)

        assert polled(collected) == ADDRESSES[:2]
        assert not collected.is_listing

    def test_has_another_number_when_it_is_another(self, make):
        fleet = make(ADDRESSES[:1], ADDRESSES[:2])
        numbers = [fleet.collect(Part(), WITHIN_S).list_number for _ in range(2)]

        assert numbers[0] < numbers[1]


def test_what_is_no_longer_listed_is_no_longer_remembered(make):
    fleet = RememberingParts(make(ADDRESSES[:1], ADDRESSES[1:2], ADDRESSES[:1]))
    for expected in (ADDRESSES[:1], ADDRESSES[1:2]):
        assert polled(fleet.collect(Part(), WITHIN_S)) == expected

    silent = fleet._memory.filled_in_part(
        fleet.collect(Part(), WITHIN_S).snapshot._replace(
            observations=(Unknown(ADDRESSES[1], "silent"),)
        )
    )
    assert silent.observations[0].service is None
