"""The programs that the tests start are stopped by pid, and only those."""

import json
import os
import signal
import sys

import pytest

from cluster import Process, wait_until

SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [
    sys.executable,
    "-uc",
    "from signal import *; signal(SIGTERM, SIG_IGN); print('armed')\nwhile True: pause()",
]


@pytest.fixture
def program(tmp_path):
    process = Process(tmp_path, "program")
    yield process
    process.kill()


def test_a_stopped_program_is_gone(program):
    program.start(SLEEP)
    pid = program.pid
    assert program.stop(timeout=10)
    assert program.pid is None
    assert program.exit_code == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_another_object_of_the_same_name_controls_the_program(program, tmp_path):
    program.start(SLEEP)
    other = Process(tmp_path, "program")
    assert other.pid == program.pid
    assert other.stop(timeout=10)
    assert program.wait(timeout=10)


def test_a_second_start_is_refused(program):
    program.start(SLEEP)
    with pytest.raises(RuntimeError, match="runs already"):
        program.start(SLEEP)


def test_a_program_that_ignores_sigterm_is_killed(program):
    program.start(STUBBORN)
    wait_until(lambda: "armed" in program.log_tail(), 10, "the program to ignore SIGTERM")
    assert not program.stop(timeout=0.2)
    assert program.pid is None
    assert program.exit_code == -signal.SIGKILL


def test_a_paused_program_can_be_stopped(program):
    program.start(SLEEP)
    program.pause()
    assert program.stop(timeout=10)


def test_a_pid_that_now_belongs_to_another_program_is_left_alone(program, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "program.json").write_text(
        json.dumps({"pid": os.getpid(), "start_time": 1, "command": "old"})
    )
    assert program.pid is None
    assert program.stop(timeout=1)
