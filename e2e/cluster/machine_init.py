"""The first process of a real node: what boot and service manager are on a machine of its own.

usage: machine_init.py SPECIFICATION.json, started by machine.py inside namespaces of its own
(mount, network, process, host name). It prepares them, runs containerd, kubelet, kube-proxy and the
cloud's metadata service, and ends with an error when one of them ends. When it is killed the kernel
kills everything on the node: that is a power cut.

Nothing outside the namespaces is changed but the node's control groups.
"""

import errno
import json
import os
import pathlib
import socket
import subprocess
import sys

from waiting import wait_until  # a program: its own folder is where it looks

START_TIMEOUT = 60  # seconds
CGROUPS = pathlib.Path("/sys/fs/cgroup")
# What a kubelet sets for the whole machine. It finds these values, and the machine keeps its own.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")


def mount_private_folders(state):
    """Folders in which the programs of a node expect to be alone."""
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for folder in ("/var/log", "/var/lib/cni"):
        own = state / folder.lstrip("/").replace("/", "-")
        own.mkdir(exist_ok=True)
        pathlib.Path(folder).mkdir(exist_ok=True)
        run("mount", "--bind", str(own), folder)


def mount_kernel_settings(state):
    folder = state / "kernel-settings"
    folder.mkdir(exist_ok=True)
    for name, value in KERNEL_SETTINGS.items():
        own = folder / name.replace("/", "-")
        own.write_text(f"{value}\n")
        run("mount", "--bind", str(own), f"/proc/sys/{name}")


def make_control_groups(name):
    controllers = CGROUPS / "cgroup.controllers"
    if controllers.exists():  # v2: a group has the controllers that its parent hands down
        for controller in controllers.read_text().split():
            (CGROUPS / "cgroup.subtree_control").write_text(f"+{controller}")
        (CGROUPS / name).mkdir(exist_ok=True)
        return
    for hierarchy in CGROUPS.iterdir():
        # A name for two hierarchies is a link; the unified one is not the kubelet's under v1.
        if hierarchy.is_symlink() or not (hierarchy / "tasks").exists():
            continue
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # empty at first, which allows no process
            if (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())


def set_up_network(network):
    """One bridge in the node: its uplink and its pods are ports of it, so that all pods of the
    cluster see each other without routes. Services are the business of kube-proxy.
    """
    wait_until(
        lambda: "eth0" in {name for _, name in socket.if_nameindex()}, START_TIMEOUT, "eth0"
    )
    bridge = network["bridge"]
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{network['metadata']}/32", "dev", "lo")
    run("ip", "link", "add", bridge, "address", network["hardware_address"], "type", "bridge")
    run("ip", "link", "set", "eth0", "master", bridge, "up")
    run("ip", "address", "add", f"{network['address']}/{network['prefix']}", "dev", bridge)
    run("ip", "link", "set", bridge, "up")
    run("ip", "route", "add", "default", "via", network["gateway"])
    settings = pathlib.Path("/proc/sys/net")
    (settings / "ipv4/ip_forward").write_text("1")
    for name in (
        "ipv4/conf/all/send_redirects",
        f"ipv4/conf/{bridge}/send_redirects",
        "bridge/bridge-nf-call-iptables",
        "bridge/bridge-nf-call-ip6tables",
    ):
        if (settings / name).exists():
            (settings / name).write_text("0")


def listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                return False
            raise
        return True


def start(program, logs):
    with open(pathlib.Path(logs) / f"{program['name']}.log", "ab") as log:
        return subprocess.Popen(
            program["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def supervise(children):
    """Reaps what is orphaned on the node; returns when one of the programs has ended."""
    while True:
        pid, status = os.wait()
        if pid in children:
            code = os.waitstatus_to_exitcode(status)
            raise RuntimeError(f"{children[pid]} ended with {code}: see its log")


def main():
    specification = json.loads(pathlib.Path(sys.argv[1]).read_text())
    state = pathlib.Path(specification["state"])
    socket.sethostname(specification["name"])
    mount_private_folders(state)
    mount_kernel_settings(state)
    make_control_groups(specification["cgroup"])
    set_up_network(specification["network"])
    children = {}
    for program in specification["programs"]:
        process = start(program, specification["logs"])
        children[process.pid] = program["name"]
        if "socket" in program:
            awaited = program["socket"]
            wait_until(
                lambda path=awaited, p=process: p.poll() is not None or listens(path),
                START_TIMEOUT,
                awaited,
            )
        for command in program.get("then", []):
            run(*command)
    supervise(children)


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError, TimeoutError) as error:
        sys.exit(f"error: {error}")
