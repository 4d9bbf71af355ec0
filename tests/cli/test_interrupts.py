"""Ctrl-C and SIGTERM, sent to separate processes."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from jaxviz.cli.interrupts import interrupts

WORK = """
import sys, time
from jaxviz.cli.interrupts import Stopped, interrupts
from jaxviz.cli.running import run

def work():
    with interrupts({patience}) as stop:
        print("begun", flush=True)
        while True:
            time.sleep(0.02)  # a chunk
            if {heeded} and stop():
                raise Stopped("stopped: all is kept")

with interrupts(patience=0):
    run(work)
"""
FINISHING = "finishing the chunks at work; press Ctrl-C again to stop at once\n"


def pressed(presses, *, patience=1, heeded=True, number=signal.SIGINT):
    """Runs work and sends signals; returns the exit code and the output."""
    code = WORK.format(patience=patience, heeded=heeded)
    work = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert work.stdout.readline() == "begun\n"
    for _ in range(presses):
        work.send_signal(number)
        time.sleep(0.1)
    return work.wait(20), work.communicate()[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_press_finishes_the_chunk(number):
    assert pressed(1, number=number) == (130, f"{FINISHING}stopped: all is kept\n")


def test_the_second_press_stops_at_once():
    assert pressed(2, heeded=False) == (130, f"{FINISHING}stopped\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_patience_the_first_does(number):
    assert pressed(1, patience=0, number=number) == (130, "stopped\n")


def test_what_does_not_hear_is_ended():
    deaf = """
import time
from jaxviz.cli.interrupts import interrupts

with interrupts(patience=0):
    print("begun", flush=True)
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""
    work = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert work.stdout.readline() == b"begun\n"
    work.send_signal(signal.SIGINT)
    assert work.wait(20) == 130
    work.stdout.close()


def test_the_handlers_are_put_back():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    with interrupts() as stop:
        assert not stop()
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_in_a_thread_there_is_nothing_to_hear():
    def work():
        with interrupts() as stop:
            heard.append(stop())

    heard = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [False]
