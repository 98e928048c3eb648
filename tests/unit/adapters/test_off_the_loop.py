"""Long calculations do not keep the loop from what it does."""

import threading
import time

import gevent
import pytest

from cpx_monitor.adapters.off_the_loop import FEW, off_the_loop


def test_a_long_calculation_lets_time_outs_act_and_others_run():
    acted = []

    def calculate():
        ends_at_s = time.monotonic() + 20
        while len(acted) < 20 and time.monotonic() < ends_at_s:  # holding on to the interpreter
            sum(range(1000))
        return len(acted)

    def act():
        while True:
            gevent.sleep(0.001)
            acted.append(1)

    acting = gevent.spawn(act)
    assert off_the_loop(FEW + 1, calculate) == 20
    acting.kill()


def test_a_short_one_needs_no_thread():
    assert off_the_loop(FEW, threading.get_ident) == threading.get_ident()


def test_what_goes_wrong_in_it_is_raised():
    with pytest.raises(ZeroDivisionError):
        off_the_loop(FEW + 1, lambda: 1 / 0)
