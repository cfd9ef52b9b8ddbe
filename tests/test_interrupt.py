import os
import signal
import threading

import pytest

from torchcaps.interrupt import Interrupted, StopRequest, as_ctrl_c, signal_of


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_wish_however_often_it_comes(number):
    """A terminal that closes sends SIGHUP more than once."""
    before = signal.getsignal(number)
    with StopRequest() as stop:
        for _ in range(3):
            os.kill(os.getpid(), number)
        assert stop.asked == number
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
    assert signal.getsignal(number) == before


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with as_ctrl_c(), StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_ends_by_any_of_them_as_by_ctrl_c(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as caught, as_ctrl_c():
        os.kill(os.getpid(), number)
    assert signal_of(caught.value) == number
    assert signal.getsignal(number) == before
