"""The rule by which an instance is said to be flapping."""

import pytest

from cpx_monitor.app.flapping import ROUNDS, Flapping
from cpx_monitor.domain.health import Status

OF = {"H": Status.HEALTHY, "U": Status.UNHEALTHY, "?": Status.UNKNOWN}


def after(statuses):
    flapping = Flapping()
    for letter in statuses:
        flapping.learn(OF[letter])
    return flapping.is_on


@pytest.mark.parametrize(
    ("statuses", "is_on"),
    [
        ("H" * 30, False),
        ("HHHUUU" * 4, True),  # every third round, which is 7 of 21
        ("HHHHUUUU" * 4, False),  # every fourth
        ("HU" * 11, True),  # it alternates, so nothing is debounced
        ("HHU" * 8, False),  # a single bad round is noise
        ("HH??" * 6, True),  # silence is a status, too
        ("UU" + "H" * 30, False),
    ],
)
def test_it_is_on_where_the_status_keeps_changing(statuses, is_on):
    assert after(statuses) is is_on


def test_it_ends_where_less_than_a_fifth_of_the_rounds_has_a_change():
    flaps = "HHHUUU" * 4  # 7 changes in the last 21 rounds

    assert after(flaps + "U" * 7) is True  # 5 are left
    assert after(flaps + "U" * 8) is False


def test_what_begins_later_needs_a_third_again():
    quiet = "H" * ROUNDS

    assert after(quiet + "UUHH" * 3) is False
    assert after(quiet + "UUHH" * 4) is True
