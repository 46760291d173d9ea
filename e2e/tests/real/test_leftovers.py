"""A run that is killed leaves nothing behind for good."""

import pathlib
import signal
import subprocess
import sys

import pytest

from cluster import Process, wait_until
from cluster.machine import missing
from cluster.network import CGROUPS, Network, remove_leftovers

RUNNER = """
import pathlib, signal, sys
from cluster import Network, Process
network = Network.create(sys.argv[1])
sleep = [sys.executable, "-c", "import signal; signal.pause()"]
mortal = sys.argv[2] == "dies"
Process(pathlib.Path(sys.argv[1]) / "machines/node", "machine").start(sleep, die_with_parent=mortal)
print(network.number, flush=True)
signal.pause()
"""


@pytest.fixture
def runner(tmp_path):
    """runner("dies" or "stays") -> (its process, its Network): what it started ends with it or not.

    It made a network, a control group of a node and a node's state.
    """
    if reason := missing():
        pytest.skip(reason)
    started = []

    def start(ends):
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, tmp_path, ends], stdout=subprocess.PIPE, text=True
        )
        network = Network(tmp_path, int(process.stdout.readline()))
        started.append((process, network))
        (tmp_path / "machines/node/state/containerd").mkdir(parents=True)
        group = CGROUPS if (CGROUPS / "cgroup.controllers").exists() else CGROUPS / "memory"
        (group / network.cgroup("node") / "kubepods").mkdir(parents=True)
        return process, network

    yield start
    for process, network in started:
        process.kill()
        process.wait()
        Process(tmp_path / "machines/node", "machine").kill()
        network.remove()


def exists(network):
    """What there is of a network: its bridge, control groups, states of nodes."""
    bridge = pathlib.Path("/sys/class/net", network.bridge)
    groups = [*CGROUPS.glob(network.cgroup("*")), *CGROUPS.glob("*/" + network.cgroup("*"))]
    states = network.directory.glob("machines/*/state")
    return [path for path in (bridge, *groups, *states) if path.exists()]


def test_what_a_killed_run_left_is_removed_by_the_next_start(runner, tmp_path):
    process, network = runner("dies")
    remove_leftovers()
    assert len(exists(network)) == 3  # the run goes on
    process.send_signal(signal.SIGKILL)
    process.wait()
    machine = Process(tmp_path / "machines/node", "machine")
    wait_until(lambda: machine.pid is None, 5, "what it started to end with it")
    remove_leftovers()
    assert exists(network) == []


def test_what_outlives_its_starter_is_left_alone_until_it_ends(runner, tmp_path):
    process, network = runner("stays")
    process.send_signal(signal.SIGKILL)
    process.wait()
    remove_leftovers()
    assert len(exists(network)) == 3
    Process(tmp_path / "machines/node", "machine").kill()
    remove_leftovers()
    assert exists(network) == []


def test_networks_of_two_runs_have_nothing_in_common(runner, tmp_path):
    _, first = runner("dies")
    second = Network.create(tmp_path / "second")
    try:
        assert second.number != first.number
        assert second.service_addresses != first.service_addresses
        assert wait_until(lambda: exists(second), 5, "the second bridge")
    finally:
        second.remove()
    assert len(exists(first)) == 3
