"""A real node: kubelet, containerd and kube-proxy in namespaces of their own."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from . import kube_proxy, metadata_service, tools
from .network import ip
from .processes import Process, process_start_time
from .waiting import wait_until

BRIDGE = "cni0"  # inside the node
CNI_PROGRAMS = "/usr/lib/cni"
PAUSE_IMAGE = "spillway.dev/pause:1"
START_TIMEOUT = 60  # seconds
END_TIMEOUT = 10
# Debian packages with the programs of a node (scripts/setup test).
PROGRAMS = ("containerd", "runc", "ctr", "iptables", "ip", "unshare", "nsenter")

CONTAINERD = """\
version = 2
root = "{state}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_programs}"
    conf_dir = "{directory}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def missing():
    """What keeps this machine from running real nodes, as a sentence; None when nothing does."""
    if os.geteuid() != 0:
        return "real nodes need root: run the tests as root"
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if not pathlib.Path(CNI_PROGRAMS, "bridge").exists():
        lacking.append(f"{CNI_PROGRAMS}/bridge")
    if lacking:
        return f"real nodes need {', '.join(lacking)}: run `scripts/setup test`"
    return None


class Machine:
    """Node `index` (from 1) of a network, with its files in `directory`.

    `kubeconfigs` has those of the kubelet and of kube-proxy, by name; `images` are archives that
    are there before the kubelet, the pause image among them.
    """

    def __init__(self, directory, name, index, network, ca_file, kubeconfigs, images):
        self.name = name
        self.directory = pathlib.Path(directory) / name
        self.index = index
        self._network = network
        self._ca_file = ca_file
        self._kubeconfigs = kubeconfigs
        self._images = images
        self._process = Process(self.directory, "machine")
        self._first_process = None  # as this machine sees it
        self._socket = self.directory / "containerd.sock"
        self._metadata = self.directory / "metadata.json"

    @property
    def address(self):
        return self._network.node_address(self.index)

    @property
    def running(self):
        return self._process.pid is not None

    def log(self, program):
        """The path of the log of containerd, kubelet, kube-proxy, metadata or the machine."""
        return self.directory / "logs" / f"{program}.log"

    @property
    def pod_logs(self):
        """The folder with what containers print, while and after the machine runs."""
        return self.directory / "state" / "var-log" / "pods"

    def start(self, die_with_parent=False):
        """Switches it on: a machine with the images and no containers of an earlier life."""
        state = self.directory / "state"
        if state.exists():
            shutil.rmtree(state)
        state.mkdir(parents=True)
        self._write_files(state)
        namespaces = ("--mount", "--net", "--pid", "--uts", "--ipc", "--mount-proc")
        command = [
            *("unshare", *namespaces, "--fork", "--kill-child"),
            *(sys.executable, pathlib.Path(__file__).with_name("machine_init.py")),
            self.directory / "machine.json",
        ]
        self._process.start(command, die_with_parent=die_with_parent)
        self._first_process = self._wait_first_process()
        self._outside = self._network.attach(self._first_process, self.index)

    def kill(self):
        """A power cut: everything on it ends in this instant, and nothing is said to anybody."""
        self._process.kill()
        # The kernel ends the first process when its parent ends, and all others before it.
        wait_until(
            lambda: process_start_time(self._first_process) is None, END_TIMEOUT, "its processes"
        )

    def freeze_kubelet(self):
        """The kubelet says and does nothing any more; what runs on the node goes on, and reaches
        everybody. It stays so until the node is switched off.
        """
        children = pathlib.Path(f"/proc/{self._first_process}/task/{self._first_process}/children")
        for child in map(int, children.read_text().split()):
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "kubelet":
                os.kill(child, signal.SIGSTOP)
                return
        raise RuntimeError(f"{self.name} has no kubelet")

    def disconnect(self):
        """Takes its cable out: what runs on it goes on, alone."""
        ip("link", "set", self._outside, "down")

    def connect(self):
        ip("link", "set", self._outside, "up")

    def announce_interruption(self, deadline):
        """The cloud says to the machine, and to nobody else, that it will be taken then."""
        time = deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._write_metadata({"spot/instance-action": {"action": "terminate", "time": time}})
        return time

    def withdraw_interruption(self):
        self._write_metadata({})

    def _write_metadata(self, said):
        partial = self._metadata.with_suffix(".partial")
        partial.write_text(json.dumps(said))
        partial.replace(self._metadata)

    def run(self, *command):
        """What a command of this machine prints in the node's network."""
        inside = ["nsenter", f"--net=/proc/{self._first_process}/ns/net", *command]
        result = subprocess.run(inside, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} on {self.name}: {result.stderr.strip()}")
        return result.stdout

    def service_backends(self, address):
        """The addresses of pods to which this node sends what is asked of the Service with that
        cluster IP: what kube-proxy has made of the endpoints so far.
        """
        return kube_proxy.backends(self.run("iptables-save", "-t", "nat"), address)

    def unanswered(self, address):
        """Address of a pod -> connections to the Service with that cluster IP which this node has
        sent there in the last two minutes, and which were never answered. None where the kernel does
        not show its connections.
        """
        connections = pathlib.Path(f"/proc/{self._first_process}/net/nf_conntrack")
        if not connections.exists():
            return None
        return kube_proxy.unanswered(connections.read_text(), address)

    def load_image(self, archive):
        """Makes an image known on this node; `archive` is one of images.write_image."""
        self._ctr("images", "import", str(archive))

    def check(self):
        """Raises when the machine has ended by itself, with what it said last."""
        if not self.running:
            raise RuntimeError(
                f"the node {self.name} ended; the end of {self._process.log}:\n"
                f"{self._process.log_tail()}"
            )

    def _wait_first_process(self):

        def found():
            self.check()
            parent = self._process.pid
            children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            if not children:
                return None
            # Its namespace is its own only after unshare has forked.
            own = os.readlink(f"/proc/{children[0]}/ns/net")
            return int(children[0]) if own != os.readlink("/proc/self/ns/net") else None

        return wait_until(found, START_TIMEOUT, f"the first process of {self.name}")

    def _ctr(self, *arguments):
        command = self._ctr_command(*arguments)
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
        return result.stdout

    def _ctr_command(self, *arguments):
        return ["ctr", f"--address={self._socket}", "--namespace=k8s.io", *arguments]

    # Files

    def _write_files(self, state):
        (self.directory / "logs").mkdir(parents=True, exist_ok=True)
        (self.directory / "cni").mkdir(exist_ok=True)
        containerd = CONTAINERD.format(
            state=state,
            socket=self._socket,
            pause=PAUSE_IMAGE,
            cni_programs=CNI_PROGRAMS,
            directory=self.directory,
        )
        (self.directory / "containerd.toml").write_text(containerd)
        self._write_json("cni/pods.conflist", self._cni())
        self._write_json("kubelet.json", self._kubelet(state))
        self._write_json("kube-proxy.json", self._kube_proxy())
        network = {
            "bridge": BRIDGE,
            "hardware_address": self._network.node_hardware_address(self.index),
            "address": self.address,
            "prefix": self._network.prefix_length,
            "gateway": self._network.address,
            "metadata": metadata_service.ADDRESS,
        }
        self._write_metadata({})
        specification = {
            "name": self.name,
            "state": str(state),
            "logs": str(self.directory / "logs"),
            "cgroup": self._network.cgroup(self.name),
            "network": network,
            "programs": self._programs(state),
        }
        self._write_json("machine.json", specification)

    def _programs(self, state):
        imports = [self._ctr_command("images", "import", str(image)) for image in self._images]
        kubelet = [
            tools.path("kubelet"),
            f"--config={self.directory / 'kubelet.json'}",
            f"--kubeconfig={self._kubeconfigs['kubelet']}",
            f"--hostname-override={self.name}",
            f"--node-ip={self.address}",
            f"--root-dir={state / 'kubelet'}",
            f"--cert-dir={self.directory / 'kubelet-certificates'}",
        ]
        return [
            {
                "name": "containerd",
                "command": ["containerd", f"--config={self.directory / 'containerd.toml'}"],
                "socket": str(self._socket),
                "then": imports,
            },
            {
                "name": "metadata",
                "command": [sys.executable, metadata_service.__file__, str(self._metadata)],
            },
            {"name": "kubelet", "command": kubelet},
            {
                "name": "kube-proxy",
                "command": [
                    tools.path("kube-proxy"),
                    f"--config={self.directory / 'kube-proxy.json'}",
                    f"--hostname-override={self.name}",
                ],
            },
        ]

    def _cni(self):
        first, last = self._network.pod_addresses(self.index)
        return {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": BRIDGE,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(self.directory / "state" / "addresses"),
                        "routes": [{"dst": "0.0.0.0/0"}],
                        "ranges": [
                            [
                                {
                                    "subnet": f"10.{self._network.number}.0.0/16",
                                    "rangeStart": first,
                                    "rangeEnd": last,
                                    "gateway": self.address,
                                }
                            ]
                        ],
                    },
                },
                {"type": "loopback"},
            ],
        }

    def _kubelet(self, state):
        none = "0%"
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(self._ca_file)},
            },
            "authorization": {"mode": "AlwaysAllow"},  # of whom that authority has vouched for
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._network.cgroup(self.name)}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "enforceNodeAllocatable": [],
            "oomScoreAdj": 0,
            "clusterDNS": [self._network.address],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            "volumePluginDir": str(state / "volume-plugins"),
            # The machine is not the node's own: its disk is no reason to end pods.
            "evictionHard": {
                "memory.available": none,
                "nodefs.available": none,
                "nodefs.inodesFree": none,
                "imagefs.available": none,
                "imagefs.inodesFree": none,
            },
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "2s",
            "nodeStatusReportFrequency": "10s",
            "syncFrequency": "10s",
        }

    def _kube_proxy(self):
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(self._kubeconfigs["kube-proxy"])},
            "bindAddress": self.address,
            "healthzBindAddress": f"{self.address}:10256",
            "metricsBindAddress": f"{self.address}:10249",
            # A pod's neighbour on the same bridge would answer it directly, past the translation.
            "iptables": {"masqueradeAll": True, "minSyncPeriod": "100ms"},
            "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s"},
        }

    def _write_json(self, name, content):
        (self.directory / name).write_text(json.dumps(content, indent=2) + "\n")
