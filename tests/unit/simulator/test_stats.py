import json
import re

import pytest

from cpx_monitor.simulator.stats import SERVICES, SimulatedFleet


def listed(fleet):
    return json.loads(fleet.answer("/servers")[1])


def test_it_lists_as_many_addresses_as_it_is_told_from_the_first_on():
    assert sorted(listed(SimulatedFleet(3, seed=1))) == ["10.58.1.1", "10.58.1.2", "10.58.1.3"]
    assert len(set(listed(SimulatedFleet(100_000, seed=1)))) == 100_000


def test_the_list_is_in_no_particular_order():
    addresses = listed(SimulatedFleet(150, seed=1))

    assert addresses != sorted(addresses, key=lambda ip: int(ip.rpartition(".")[2]))


def test_each_address_has_its_service_for_good_and_every_service_its_share():
    fleet = SimulatedFleet(150, seed=None)
    services = [json.loads(fleet.answer(f"/{ip}")[1])["service"] for ip in listed(fleet)]
    again = [json.loads(fleet.answer(f"/{ip}")[1])["service"] for ip in listed(fleet)]

    assert services == again
    assert {services.count(service) for service in SERVICES} == {15}


@pytest.mark.parametrize("seed", [None, 7])
def test_loads_are_whole_percentages(seed):
    fleet = SimulatedFleet(1, seed)
    answers = [json.loads(fleet.answer("/10.58.1.1")[1]) for _ in range(500)]

    for key in ("cpu", "memory"):
        assert all(re.fullmatch(r"(100|\d?\d)%", answer[key]) for answer in answers)
        assert len({answer[key] for answer in answers}) > 50


def test_the_order_of_the_keys_varies():
    fleet = SimulatedFleet(1, seed=7)

    assert len({tuple(json.loads(fleet.answer("/10.58.1.1")[1])) for _ in range(50)}) == 3


def test_an_address_s_nth_answer_depends_on_the_seed_the_address_and_n_alone():
    small, large = SimulatedFleet(2, seed=7), SimulatedFleet(1000, seed=7)
    for _ in range(3):
        large.answer("/10.58.1.1")

    assert [small.answer("/10.58.1.2") for _ in range(5)] == [
        large.answer("/10.58.1.2") for _ in range(5)
    ]
    assert SimulatedFleet(2, seed=8).answer("/10.58.1.2") != SimulatedFleet(2, seed=7).answer(
        "/10.58.1.2"
    )


@pytest.mark.parametrize(
    "path", ["/", "", "/nonsense", "/10.58.1.3", "/servers/", "10.58.1.1", "//10.58.1.1"]
)
def test_anything_else_is_an_invalid_ip(path):
    assert SimulatedFleet(2, seed=1).answer(path) == (400, b'{"error":"Invalid IP"}')
