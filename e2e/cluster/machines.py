"""The real nodes of a cluster, and the cluster DNS that their pods ask."""

import pathlib

from . import images, machine, nodes, tools
from .control_plane import answers_plainly
from .machine import Machine
from .processes import Process
from .waiting import wait_until

START_TIMEOUT = 60  # seconds
DNS_READY_PORT = 8181  # of the address on the cluster's own network
# Only names of the cluster are known: nothing of the outside is asked.
COREFILE = """\
cluster.local:53 in-addr.arpa:53 {{
    bind {address}
    ready {address}:{port}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
        ttl 0
    }}
}}
"""


class Machines:
    """Real nodes of a ControlPlane that was made with a network.

    `pause` is the program of the sandbox containers. A context manager: at its end everything is
    switched off.
    """

    def __init__(self, cluster, pause, die_with_parent=False):
        self._cluster = cluster
        self._network = cluster.network
        self._die_with_parent = die_with_parent
        self._directory = pathlib.Path(cluster.directory) / "machines"
        self._dns = Process(cluster.directory, "coredns")
        self._directory.mkdir(exist_ok=True)
        pause_archive = self._directory / "pause.tar"
        self._images = [images.write_image(pause_archive, machine.PAUSE_IMAGE, pause)]
        self._machines = {}
        self._added = 0

    def __enter__(self):
        self._start_dns()
        return self

    def __exit__(self, *_):
        for each in self._machines.values():
            each.kill()
        self._dns.stop()

    def __getitem__(self, name):
        return self._machines[name]

    def add(self, name, *, accelerators=0, labels=None, taints=()):
        """Switches a new node on and returns it when it takes pods. A name may come again when its
        node is gone.
        """
        if self.running(name):
            raise RuntimeError(f"the node {name} runs already")
        cluster = self._cluster
        self._added += 1
        added = Machine(
            self._directory,
            name,
            self._added,
            self._network,
            cluster.ca_file,
            {
                "kubelet": cluster.kubeconfig_of(f"system:node:{name}", group="system:nodes"),
                "kube-proxy": cluster.kubeconfig_of("system:kube-proxy"),
            },
            self._images,
        )
        self._machines[name] = added
        added.start(self._die_with_parent)
        self._route_services()
        self._wait_ready(added)
        path = f"/api/v1/nodes/{name}"
        cluster.api.patch(path, {"metadata": {"labels": labels or {}}})
        if taints:
            cluster.api.patch(path, {"spec": {"taints": [dict(taint) for taint in taints]}})
        if accelerators:
            self.set_accelerators(name, accelerators)
        return added

    def set_accelerators(self, name, count, resource="nvidia.com/gpu"):
        """Makes the Node say that it has accelerators; they are numbers without hardware, which
        the kubelet leaves alone.
        """
        amount = {resource: str(count)}
        status = {"status": {"capacity": amount, "allocatable": amount}}
        self._cluster.api.patch(f"/api/v1/nodes/{name}/status", status)

    def running(self, name):
        """Whether there is a node of that name, switched on."""
        return name in self._machines and self._machines[name].running

    def kill(self, name):
        """A power cut; the Node object stays."""
        self._machines[name].kill()
        self._route_services()

    def remove(self, name):
        """The cloud takes the machine: a power cut, and its Node object is gone."""
        self.kill(name)
        self._cluster.api.delete(f"/api/v1/nodes/{name}")

    def keep(self, *names):
        """Switches on what is missing of these nodes, takes accelerators and taints from those that
        are there, and removes all others.
        """
        for node in self._cluster.api.get("/api/v1/nodes")["items"]:
            name = node["metadata"]["name"]
            if name in self._machines and (name not in names or not self.running(name)):
                self.remove(name)
        for name in names:
            if self.running(name):
                self.set_accelerators(name, 0)
                self._cluster.api.patch(f"/api/v1/nodes/{name}", {"spec": {"taints": None}})
            else:
                self.add(name)

    def load_image(self, name, *programs):
        """Makes an image of programs (images.write_image) known on every node, later ones included;
        returns its name.
        """
        archive = self._directory / f"{name.replace('/', '-').replace(':', '-')}.tar"
        self._images.append(images.write_image(archive, name, *programs))
        for each in self._machines.values():
            if each.running:
                each.load_image(archive)
        return name

    def _route_services(self):
        running = [each for each in self._machines.values() if each.running]
        if running:
            self._network.route_services_through(running[0].index)

    def _wait_ready(self, added):
        def ready():
            added.check()
            listed = self._cluster.api.get("/api/v1/nodes")["items"]
            return any(
                node["metadata"]["name"] == added.name and nodes.is_ready(node) for node in listed
            )

        wait_until(ready, START_TIMEOUT, f"the node {added.name} to be ready ({added.directory})")

    def _start_dns(self):
        corefile = self._directory / "Corefile"
        address = self._network.address
        kubeconfig = self._cluster.kubeconfig_of("coredns", group="system:masters")
        corefile.write_text(
            COREFILE.format(address=address, port=DNS_READY_PORT, kubeconfig=kubeconfig)
        )
        self._dns.start(
            [tools.path("coredns"), f"-conf={corefile}"], die_with_parent=self._die_with_parent
        )

        def ready():
            if self._dns.pid is None:
                raise RuntimeError(f"coredns ended while starting:\n{self._dns.log_tail()}")
            return answers_plainly(address, DNS_READY_PORT, "/ready")

        wait_until(ready, START_TIMEOUT, f"coredns to be ready (its log: {self._dns.log})")
