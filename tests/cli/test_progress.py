"""Progress: rates that leave compiling out, one line a task where there is no terminal, bars where there is one."""

import io
import types

import pytest
from rich.console import Console

from jaxviz.cli import progress
from jaxviz.cli.progress import Pace, clock_time, progress_bar


class Clock:
    """A clock that the test advances."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock that measures progress."""
    clock = Clock()
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(monotonic=clock))
    return clock


def test_the_rate_leaves_out_what_came_before_the_first_images(clock):
    pace = Pace(100, 10)
    assert (pace.rate, pace.left, pace.speed()) == (None, None, "")
    clock.now += 20  # compiling, and the first chunk
    pace.advance(4)
    assert pace.rate is None
    assert pace.left == pytest.approx(96 / (4 / 20))
    clock.now += 2
    pace.advance(8)
    assert pace.rate == pytest.approx(4)
    assert pace.left == pytest.approx(88 / 4)
    assert pace.speed() == "40 steps/s"
    clock.now += 1
    assert pace.left == pytest.approx(21)
    assert pace.elapsed == pytest.approx(23)


def test_images_of_an_earlier_run_say_nothing_of_the_rate(clock):
    pace = Pace(100)
    pace.advance(50, kept=True)
    assert (pace.done, pace.climbed, pace.rate, pace.left) == (50, 0, None, None)
    for _ in range(2):
        clock.now += 4
        pace.advance(2)
    assert pace.speed() == "0.5/s"
    assert pace.left == pytest.approx(46 / 0.5)


def test_times_are_written_as_clocks_do():
    assert [clock_time(seconds) for seconds in (0.0, 59.6, 3599.0, 36000.0)] == ["0:00", "1:00", "59:59", "10:00:00"]


def test_one_line_a_task_without_a_terminal(capsys, clock):
    with progress_bar() as bars:
        quick, one, kept = bars.task("conv2d_1", 8, 100), bars.task("dense", 1), bars.task("conv2d_2", 5, what="units")
        mixed = bars.task("conv2d_3", 6)
        clock.now += 1
        quick(4)
        assert capsys.readouterr().err == ""
        clock.now += 0.5
        quick(4)
        one(1)
        kept(5, kept=True)
        mixed(3, kept=True)
        mixed(1)
        mixed(2, again=True)
    assert capsys.readouterr().err.splitlines() == [
        "conv2d_1: 8 pictures, 1.5 s, 800 steps/s",
        "dense: 1 picture, 1.5 s",
        "conv2d_2: 5 units, kept from before",
        "conv2d_3: 6 pictures (3 kept from before, 2 damaged and made again), 1.5 s",
    ]


def test_a_line_now_and_then_where_it_takes_long(capsys, clock):
    with progress_bar() as bars:
        bar = bars.task("conv2d_1", 100, 10)
        for _ in range(7):
            clock.now += 10
            bar(10)
    assert capsys.readouterr().err.splitlines() == [
        "conv2d_1: 40 of 100, 10 steps/s, about 1:00 remaining",
    ]


def test_long_compiling_is_told_of(capsys, clock):
    with progress_bar() as bars:
        bar = bars.task("conv2d_1", 2, 10)
        bar.compiling("10 steps of lucid", None)
        assert bar.pace.compiling
        clock.now += 12
        bar.compiling("10 steps of lucid", 12.0)
        assert not bar.pace.compiling
        bar.compiling("10 steps of lucid", 1.0)
        assert capsys.readouterr().err == "conv2d_1: 10 steps of lucid compiled in 12.0 s\n"
        bar(2)


def test_bars_on_a_terminal(monkeypatch):
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, height=24, color_system=None, legacy_windows=False)
    monkeypatch.setattr(progress, "Console", lambda **_: console)
    with progress_bar() as bars:
        whole, first = bars.task("in all", 0, what="units"), bars.task("a layer of a name that is too long", 3, 10)
        for _ in range(3):
            whole.pace.total = 6
            first(1)
            whole(1)
        bars.task("second", 3, 10)
    lines = written.getvalue().replace("\r", "\n").splitlines()
    assert "a layer of a name that is too long: 3 pictures, " in written.getvalue()
    assert any("second" in line and "0/3" in line and "compiling" in line for line in lines)
    assert any("in all" in line and "3/6" in line and "remaining" in line for line in lines)
    assert any("a layer of a name that is t…" in line for line in lines)


def test_a_dumb_terminal_has_lines(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar() as bars:
        bars.task("conv2d_1", 1)(1)
    assert capsys.readouterr().err == "conv2d_1: 1 picture, 0.0 s\n"
