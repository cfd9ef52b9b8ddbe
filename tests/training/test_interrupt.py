import os
import signal
import threading

import pytest

from torchcaps.training.interrupt import Interrupted, StopRequest


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_is_a_wish_and_the_second_stops_at_once():
    with StopRequest() as stop:
        assert not stop.asked
        ctrl_c()
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()


def test_afterwards_ctrl_c_is_what_it_was():
    before = signal.getsignal(signal.SIGINT)
    with StopRequest():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
    with pytest.raises(ZeroDivisionError), StopRequest():
        _ = 1 / 0
    assert signal.getsignal(signal.SIGINT) == before


def test_a_new_region_knows_nothing_of_an_old_wish():
    with StopRequest() as stop:
        ctrl_c()
    assert stop.asked
    with StopRequest() as stop:
        assert not stop.asked


def test_outside_the_main_thread_nothing_is_caught_and_nothing_fails():
    before, seen = signal.getsignal(signal.SIGINT), []

    def elsewhere():
        with StopRequest() as stop:
            seen.append((stop.asked, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_interrupted_is_ctrl_c_to_those_who_catch_that():
    assert issubclass(Interrupted, KeyboardInterrupt)
