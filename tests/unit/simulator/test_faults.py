import json

import pytest

from cpx_monitor.simulator.faults import BODIES, DELIVERIES, parse_fault
from cpx_monitor.simulator.replies import Answer
from cpx_monitor.simulator.simulation import Simulation
from cpx_monitor.simulator.stats import SimulatedFleet


def simulation(*faults, instances=20, seed=7):
    parsed = [parse_fault(text) for text in faults]
    return Simulation(SimulatedFleet(instances, seed), parsed, seed)


def ask(simulated, path):
    with simulated.request(path) as (answer, _):
        return answer


def service(simulated, last):
    return json.loads(ask(simulated, f"/10.58.1.{last}").body)["service"]


@pytest.mark.parametrize("name", [*BODIES, *DELIVERIES, "http-503-after-1s", "late-2s", "renames"])
def test_an_order_may_name_a_target_and_a_number_of_times(name):
    fault = parse_fault(f"{name}*3@12.5%")

    assert (fault.name, fault.times, fault.share) == (name, 3, 0.125)
    assert parse_fault(f"{name}@10.58.1.7").address == "10.58.1.7"
    assert (fault.change is None) != (fault.deliver is None)


def test_a_seed_chooses_the_same_instances_again():
    hit = [
        [ip for ip in range(1, 21) if ask(each, f"/10.58.1.{ip}").status == 500]
        for each in (simulation("http-500@25%"), simulation("http-500@25%"))
    ]

    assert hit[0] == hit[1]
    assert len(hit[0]) == 5


@pytest.mark.parametrize(
    ("target", "hit"),
    [
        ("10.58.1.3-10.58.1.5", [3, 4, 5]),
        ("10.58.1.19-10.99.0.0", [19, 20]),
        ("1/2", [*range(1, 21, 2)]),
        ("9/10", [*range(1, 10), *range(11, 20)]),
    ],
)
def test_a_fault_may_hit_a_block_of_neighbours_or_so_many_in_turn(target, hit):
    simulated = simulation(f"http-500@{target}")

    statuses = {ip: ask(simulated, f"/10.58.1.{ip}").status for ip in range(1, 21)}
    assert [ip for ip, status in statuses.items() if status == 500] == hit


@pytest.mark.parametrize("name", ["tls", "refuse", "churn@10.58.1.2"])
def test_one_that_changes_no_answer_leaves_the_others_to_those_after_it(name):
    assert ask(simulation(name, "http-500"), "/10.58.1.2").status == 500


def test_of_two_faults_the_first_that_fits_counts():
    assert ask(simulation("http-500@10.58.1.1", "http-404"), "/10.58.1.1").status == 500
    assert ask(simulation("http-500@10.58.1.1", "http-404"), "/10.58.1.2").status == 404


def test_a_fault_may_hit_every_third_time():
    simulated = simulation("http-500~3@10.58.1.1")

    statuses = [ask(simulated, "/10.58.1.1").status for _ in range(7)]
    assert statuses == [200, 200, 500, 200, 200, 500, 200]


def test_an_instance_that_renames_itself_has_two_names_in_turn():
    simulated = simulation("renames")
    first, second, third = (service(simulated, 1) for _ in range(3))

    assert first == third != second


def test_a_fresh_list_has_other_addresses_every_time_which_answer_for_the_same_instances():
    simulated = simulation("list-fresh")
    first, second = (json.loads(ask(simulated, "/servers").body) for _ in range(2))

    assert not set(first) & set(second)
    assert len(first) == len(second) == 20
    assert {ask(simulated, f"/{ip}").status for ip in first} == {200}


def test_instances_that_churn_are_in_every_other_list_and_half_of_them_gone_when_asked():
    simulated = simulation("churn@50%")
    sizes = [len(json.loads(ask(simulated, "/servers").body)) for _ in range(3)]
    statuses = [ask(simulated, f"/10.58.1.{last}").status for last in range(1, 21)]

    assert sizes == [20, 10, 20]
    assert 0 < statuses.count(400) < 10


def test_the_most_at_once_is_counted():
    simulated = simulation()

    with simulated.request("/10.58.1.1"), simulated.request("/10.58.1.2"):
        pass
    assert json.loads(ask(simulated, "/_stats").body)["most_at_once"] == 2


def test_a_message_states_its_status_length_and_whether_the_connection_is_kept():
    message = Answer(503, b"{}", ("Retry-After: 1",)).message(keep=False)

    assert message == (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{}"
    )


def listed(simulated):
    return {int(ip.rpartition(".")[2]) for ip in json.loads(ask(simulated, "/servers").body)}


def test_a_service_may_be_the_target():
    simulated = simulation("load-60@AuthService")

    body = json.loads(ask(simulated, "/10.58.1.12").body)
    assert (body["service"], body["cpu"], body["memory"]) == ("AuthService", "60%", "60%")
    with pytest.raises(ValueError, match="there is no service AuthServce; there are Perm"):
        parse_fault("never@AuthServce")


def test_instances_leave_and_join_after_so_many_lists():
    simulated = simulation("leaves-after-2@10.58.1.1", "joins-after-1@10.58.1.2", instances=3)

    assert [listed(simulated) for _ in range(4)] == [{1, 3}, {1, 2, 3}, {2, 3}, {2, 3}]


def test_a_rolling_replacement_takes_one_instance_after_the_other():
    simulated = simulation("rolls-every-1@AuthService")

    rounds = [
        sorted(
            ip for ip in json.loads(ask(simulated, "/servers").body) if ip.endswith((".2", "12"))
        )
        for _ in range(3)
    ]
    assert rounds == [
        ["10.58.1.12", "10.58.1.2"],
        ["10.158.1.2", "10.58.1.12"],
        ["10.158.1.12", "10.158.1.2"],
    ]
    assert json.loads(ask(simulated, "/10.158.1.2").body)["service"] == "AuthService"
