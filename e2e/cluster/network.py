"""A network for a cluster with real nodes: one bridge of this machine's own, to which every node
and every pod is attached, and on which the control plane listens.

    10.N.0.1                  this machine: API server, cluster DNS, object store
    10.N.0.(10 + k)           node k
    10.N.k.2 - 10.N.k.254     pods of node k
    10.(N+32).0.0/16          Services, reached through the first node

N is the first from 64 that no route of the machine uses.
"""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess

from .processes import process_start_time, recorded_process
from .waiting import wait_until

# A record per network, so that the next start can remove what a run left behind that was killed.
REGISTRY = pathlib.Path("/run/spillway-e2e")
FIRST, COUNT = 64, 32
CGROUPS = pathlib.Path("/sys/fs/cgroup")
END_TIMEOUT = 10  # seconds that a killed node's processes take to leave their control groups


class Network:
    """The bridge and the addresses of one cluster, whose state is in `directory`."""

    def __init__(self, directory, number):
        self.directory = pathlib.Path(directory).resolve()
        self.number = number
        self.bridge = f"spillway{number}"
        self.address = f"10.{number}.0.1"
        # A bridge without one of its own takes the lowest of its ports: whenever a node came or went,
        # all others could be cut off from this machine for the ten seconds until they asked again;
        # and whenever a pod came or went, its node from all others.
        self.hardware_address = f"02:73:77:00:00:{number:02x}"
        self.prefix_length = 16
        self.service_addresses = f"10.{number + COUNT}.0.0/16"
        self.first_service_address = f"10.{number + COUNT}.0.1"

    @classmethod
    def create(cls, directory):
        """Makes the bridge, after removing what dead runs left. Needs root.

        The record of the network names this process: it is removed by `remove`, or by the next
        `create` on this machine after this process and everything it started have ended.
        """
        REGISTRY.mkdir(mode=0o755, exist_ok=True)
        with open(REGISTRY / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            remove_leftovers()
            network = cls(directory, _free_number())
            network._write_record()
        try:
            ip("link", "add", network.bridge, "address", network.hardware_address, "type", "bridge")
            ip("address", "add", f"{network.address}/16", "dev", network.bridge)
            ip("link", "set", network.bridge, "up")
        except BaseException:
            network.remove()
            raise
        return network

    def node_address(self, index):
        return f"10.{self.number}.0.{10 + index}"

    def pod_addresses(self, index):
        """First and last address of the pods of node `index`, which counts from 1."""
        return f"10.{self.number}.{index}.2", f"10.{self.number}.{index}.254"

    def node_hardware_address(self, index):
        """Of the bridge of node `index`: see `hardware_address`."""
        return f"02:73:77:00:{index:02x}:{self.number:02x}"

    def cgroup(self, node):
        """The control group, in every hierarchy, of all that runs on a node."""
        return f"spillway{self.number}-{node}"

    def attach(self, pid, index):
        """Gives the network namespace of a process an interface `eth0` on the bridge; returns the
        name of its other end.
        """
        outside = f"{self.bridge}n{index}"
        peer = ("peer", "name", "eth0", "netns", str(pid))
        ip("link", "add", outside, "type", "veth", *peer)
        ip("link", "set", outside, "master", self.bridge, "up")
        return outside

    def route_services_through(self, index):
        """This machine reaches Services through node `index`, as the API server has to for
        webhooks.
        """
        ip("route", "replace", self.service_addresses, "via", self.node_address(index))

    def remove(self):
        """Removes the bridge, and the control groups of its nodes, all of which have ended."""
        subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True)
        for group in _control_groups(f"spillway{self.number}-"):
            _remove_control_group(group)
        self._record.unlink(missing_ok=True)

    @property
    def _record(self):
        return REGISTRY / f"{self.number}.json"

    def _write_record(self):
        record = {
            "number": self.number,
            "directory": str(self.directory),
            "owner": {"pid": os.getpid(), "start_time": process_start_time(os.getpid())},
        }
        self._record.write_text(json.dumps(record))


def remove_leftovers():
    """Removes the networks of runs that have ended without doing so, and the folders in which their
    nodes kept images and containers.
    """
    for path in REGISTRY.glob("*.json"):
        record = json.loads(path.read_text())
        owner = record["owner"]
        if process_start_time(owner["pid"]) == owner["start_time"]:
            continue
        network = Network(record["directory"], record["number"])
        if any(recorded_process(file) for file in network.directory.glob("**/run/*.json")):
            continue  # started to outlive its owner
        network.remove()
        for state in network.directory.glob("machines/*/state"):
            shutil.rmtree(state)


def ip(*arguments):
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def _free_number():
    taken = {
        route.get("dst", "").split(".")[1]
        for route in json.loads(ip("-json", "route", "show", "table", "all"))
        if route.get("dst", "").startswith("10.")
    }
    for number in range(FIRST, FIRST + COUNT):
        free = not taken & {str(number), str(number + COUNT)}
        if free and not (REGISTRY / f"{number}.json").exists():
            return number
    raise RuntimeError(
        f"no network from 10.{FIRST}.0.0/16 to 10.{FIRST + COUNT - 1}.0.0/16 is free"
    )


def _control_groups(prefix):
    """Those of every hierarchy (cgroup v1) or of the one (v2)."""
    return [*CGROUPS.glob(f"{prefix}*"), *CGROUPS.glob(f"*/{prefix}*")]


def _remove_control_group(group):
    """Bottom up; a killed process leaves its group a moment later."""
    for folder, _, _ in os.walk(group, topdown=False):
        wait_until(lambda f=folder: _remove_folder(f), END_TIMEOUT, f"{folder} to be removed")


def _remove_folder(folder):
    os.rmdir(folder)
    return True
