"""The control plane as a whole: what runs, in which order, when it is ready."""

import base64
import http.client
import json
import os
import pathlib
import random
import socket

from . import nodes, tools
from .api import Api, ApiError
from .audit import POLICY, AuditLog
from .certificates import CLIENTS, Certificates
from .processes import Process
from .waiting import wait_until

# Below the range from which the kernel takes ports for outgoing connections.
PORTS = range(20000, 32000)
SERVICE_ADDRESSES = "10.96.0.0/16"
POD_ADDRESSES = "10.128.0.0/9"
START_TIMEOUT = 60  # seconds; a warm machine needs a few
# In the order of starting; stopped in reverse.
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")


def free_ports(count):
    """Ports of the loopback interface on which nobody listens now."""
    sockets = []
    try:
        for port in random.sample(PORTS, len(PORTS)):
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
                continue
            sockets.append(candidate)
            if len(sockets) == count:
                return [bound.getsockname()[1] for bound in sockets]
        raise RuntimeError(
            f"fewer than {count} ports are free between {PORTS.start} and {PORTS.stop}"
        )
    finally:
        for bound in sockets:
            bound.close()


class ControlPlane:
    """A cluster whose whole state is in `directory`. Another ControlPlane on the same directory, in
    another process, is the same cluster.

    `lost_node_seconds`: how long a node may be silent before the node controller marks it
    (Kubernetes' own default is 50; its kubelets are asked for a sign of life three times as often).
    `die_with_parent`: the components end with the process that started them, however that ends.
    `network`: where the API server listens, so that real nodes reach it; without one it is the
    loopback interface.
    """

    def __init__(self, directory, lost_node_seconds=12, die_with_parent=False, network=None):
        self.directory = pathlib.Path(directory).resolve()
        self.kubeconfig = self.directory / "kubeconfig"
        self.audit = AuditLog(self.directory / "audit.log")
        self.network = network
        self.lost_node_seconds = lost_node_seconds
        self._die_with_parent = die_with_parent
        self._certificates = Certificates(self.directory / "pki")
        self._processes = {name: Process(self.directory, name) for name in COMPONENTS}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    # Life

    def start(self):
        """Starts what does not run, and returns when nodes and pods would be served."""
        self.directory.mkdir(parents=True, exist_ok=True)
        network = self.network
        self._certificates.create(
            [network.address, network.first_service_address] if network else []
        )
        self._write_files()
        try:
            for name in ("etcd", "kube-apiserver"):
                self._launch(name)
                self._wait_ready(name)
            for name in COMPONENTS[2:]:
                self._launch(name)
            for name in COMPONENTS[2:]:
                self._wait_ready(name)
            # Pods are refused in a namespace until its ServiceAccount is there.
            path = "/api/v1/namespaces/default/serviceaccounts/default"
            wait_until(lambda: self._exists(path), START_TIMEOUT, "the default ServiceAccount")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """Stops everything, in reverse order; the state stays in the directory."""
        for name in reversed(COMPONENTS):
            self._processes[name].stop(timeout=15)

    def restart(self, name):
        """Stops one component and starts it on the same port; returns when it is ready.

        An API server with open watches takes some 10 s to end by itself; after `kill` this only
        starts it.
        """
        self._processes[name].stop(timeout=30)
        self._launch(name)
        self._wait_ready(name)

    def kill(self, name):
        """SIGKILL for one component; `restart` brings it back."""
        self._processes[name].kill()

    def pause(self, name):
        """SIGSTOP: its connections stay open and nothing answers any more."""
        self._processes[name].pause()

    def resume(self, name):
        self._processes[name].resume()

    def status(self):
        """Component -> pid, None for what does not run."""
        return {name: process.pid for name, process in self._processes.items()}

    def log(self, name):
        """The path of a component's log."""
        return self._processes[name].log

    # Access

    @property
    def version(self):
        """The Kubernetes version, such as v1.36.3."""
        return tools.paths()["kube-apiserver"].parent.name.replace("kube-apiserver-", "v")

    @property
    def server(self):
        """The API server's address, for clients."""
        return f"https://{self.address}:{self._ports['kube-apiserver']}"

    @property
    def address(self):
        """Where the API server listens."""
        return self.network.address if self.network else "127.0.0.1"

    @property
    def ca_file(self):
        return self._certificates.certificate("ca")

    @property
    def api(self):
        """Requests as the administrator."""
        certificates = self._certificates
        return Api(
            self._ports["kube-apiserver"],
            certificates.certificate("ca"),
            certificates.certificate("admin"),
            certificates.key("admin"),
            host=self.address,
        )

    def kubeconfig_of(self, user, group=None):
        """The path of a kubeconfig for a user of that name, with a certificate of its own."""
        name = user.replace(":", "-")
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        self._certificates.issue_client(name, subject)
        return self._write_certificate_kubeconfig(self._component_kubeconfig(name), name)

    def token_for_service_account(self, namespace, name, seconds=3600):
        """A token of the TokenRequest API; the API server refuses lives below 600 seconds."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        return self.api.create(path, request)["status"]["token"]

    def kubeconfig_for_service_account(self, namespace, name, path, seconds=3600):
        """Writes a kubeconfig with exactly the rights of a ServiceAccount, and its token into
        `<path>.token` beside it.

        Called again for the same path it replaces the token, as a kubelet rotates the mounted one.
        """
        path = pathlib.Path(path).resolve()
        token_file = path.with_name(path.name + ".token")
        partial = token_file.with_name(token_file.name + ".partial")
        partial.touch(mode=0o600)
        partial.write_text(self.token_for_service_account(namespace, name, seconds))
        partial.replace(token_file)
        self._write_kubeconfig(
            path, f"{namespace}-{name}", {"tokenFile": str(token_file)}, namespace
        )
        return path

    # Nodes

    def add_gpu_nodes(
        self,
        prefix,
        *,
        count,
        accelerators,
        zone,
        instance_type,
        labels=None,
        taints=(),
        resource="nvidia.com/gpu",
        cpu=96,
        memory="1Ti",
        wait=True,
    ):
        """Adds `<prefix>-<n>` nodes, numbered on from those that are there, and returns their
        names.

        `labels` are what a pool selects by (tier, pool name); `taints` are dicts of key, value and
        effect. Unless `wait` is False it returns when all are Ready and take pods.
        """
        taken = {node["metadata"]["name"] for node in self.api.get("/api/v1/nodes")["items"]}
        names = []
        number = 0
        while len(names) < count:
            name = f"{prefix}-{number}"
            number += 1
            if name in taken:
                continue
            manifest = nodes.gpu_node(
                name,
                accelerators=accelerators,
                zone=zone,
                instance_type=instance_type,
                labels=labels or {},
                taints=taints,
                resource=resource,
                cpu=cpu,
                memory=memory,
                kubelet_version=self.version,
            )
            self.api.create("/api/v1/nodes", manifest)
            names.append(name)
        if wait:
            self.wait_for_nodes(names)
        return names

    def wait_for_nodes(self, names, timeout=30):
        """Waits until all of them are Ready and without the not-ready taint."""
        wanted = set(names)

        def missing():
            listed = self.api.get("/api/v1/nodes")["items"]
            return wanted - {node["metadata"]["name"] for node in listed if nodes.is_ready(node)}

        wait_until(
            lambda: not missing(), timeout, f"nodes to become ready: {', '.join(sorted(wanted))}"
        )

    def lose_node(self, name):
        """Its kubelet falls silent: the node controller marks the node after a while; its pods
        neither run nor end.
        """
        self._set_kubelet(name, nodes.DEAD)

    def return_node(self, name):
        """The kubelet of a lost node speaks again."""
        self._set_kubelet(name, nodes.RUNNING)

    def remove_node(self, name):
        """Deletes the Node object, as a cloud does with an instance that is gone. Its pods are
        orphans: the pod garbage collector ends them some 40 s later, unless somebody does it
        sooner.
        """
        self.api.delete(f"/api/v1/nodes/{name}")

    def _set_kubelet(self, name, value):
        self.api.patch(
            f"/api/v1/nodes/{name}", {"metadata": {"labels": {nodes.KUBELET_LABEL: value}}}
        )

    # Files

    @property
    def _ports(self):
        return json.loads((self.directory / "ports.json").read_text())

    def _write_files(self):
        ports = self.directory / "ports.json"
        if not ports.exists():
            names = ("etcd", "etcd-peer", *COMPONENTS[1:])
            ports.write_text(json.dumps(dict(zip(names, free_ports(len(names)), strict=True))))
        self._write_json("audit-policy.json", POLICY)
        for name in CLIENTS:
            path = self.kubeconfig if name == "admin" else self._component_kubeconfig(name)
            self._write_certificate_kubeconfig(path, name)
        scheduler = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "leaderElection": {"leaderElect": False},
            "clientConnection": {
                "kubeconfig": str(self._component_kubeconfig("kube-scheduler")),
                "qps": 500,
                "burst": 1000,
            },
        }
        self._write_json("kube-scheduler.json", scheduler)

    def _component_kubeconfig(self, name):
        return self.directory / "pki" / f"{name}.kubeconfig"

    def _write_certificate_kubeconfig(self, path, name):
        identity = {
            "client-certificate": str(self._certificates.certificate(name)),
            "client-key": str(self._certificates.key(name)),
        }
        self._write_kubeconfig(path, name, identity)
        return path

    def _write_kubeconfig(self, path, user, identity, namespace="default"):
        ca = base64.b64encode(self._certificates.certificate("ca").read_bytes()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "local",
                    "cluster": {"server": self.server, "certificate-authority-data": ca},
                }
            ],
            "users": [{"name": user, "user": identity}],
            "contexts": [
                {
                    "name": "local",
                    "context": {"cluster": "local", "user": user, "namespace": namespace},
                }
            ],
            "current-context": "local",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=2) + "\n")

    def _write_json(self, name, content):
        (self.directory / name).write_text(json.dumps(content, indent=2) + "\n")

    # Components

    def _launch(self, name):
        process = self._processes[name]
        if process.pid is None:
            flags = getattr(self, "_" + name.replace("-", "_") + "_flags")()
            environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.directory)}
            process.start([tools.path(name), *flags], environment, self._die_with_parent)

    def _wait_ready(self, name):
        process = self._processes[name]

        def ready():
            if process.pid is None:
                raise RuntimeError(
                    f"{name} ended while starting; the end of {process.log}:\n{process.log_tail()}"
                )
            return self._answers(name)

        wait_until(ready, START_TIMEOUT, f"{name} to be ready (its log: {process.log})")

    def _answers(self, name):
        if name == "kube-apiserver":
            return self.api.request("GET", "/readyz")[0] == 200
        path = "/health" if name == "etcd" else "/healthz"
        if name in ("etcd", "kwok"):
            return answers_plainly("127.0.0.1", self._ports[name], path)
        return Api(self._ports[name], self.ca_file).request("GET", path)[0] == 200

    def _exists(self, path):
        try:
            return self.api.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def _etcd_flags(self):
        client = f"http://127.0.0.1:{self._ports['etcd']}"
        peer = f"http://127.0.0.1:{self._ports['etcd-peer']}"
        return [
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _serving_flags(self, name, address="127.0.0.1"):
        return [
            f"--bind-address={address}",
            f"--secure-port={self._ports[name]}",
            f"--tls-cert-file={self._certificates.certificate('server')}",
            f"--tls-private-key-file={self._certificates.key('server')}",
            "--profiling=false",
        ]

    def _kube_apiserver_flags(self):
        certificates = self._certificates
        return [
            *self._reachable_flags(),
            f"--etcd-servers=http://127.0.0.1:{self._ports['etcd']}",
            *self._serving_flags("kube-apiserver", self.address),
            f"--client-ca-file={certificates.certificate('ca')}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={certificates.service_account_public_key}",
            f"--service-account-signing-key-file={certificates.service_account_key}",
            f"--audit-policy-file={self.directory / 'audit-policy.json'}",
            f"--audit-log-path={self.directory / 'audit.log'}",
            "--audit-log-maxsize=100000",  # megabytes: never rotated
            *self._aggregation_flags(),
            # Without it open watches hold up a stop for a minute.
            "--shutdown-watch-termination-grace-period=1s",
        ]

    def _aggregation_flags(self):
        """How the API server says to an API behind it (metrics-server) for whom it asks."""
        certificates = self._certificates
        return [
            f"--requestheader-client-ca-file={certificates.certificate('ca')}",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={certificates.certificate('front-proxy')}",
            f"--proxy-client-key-file={certificates.key('front-proxy')}",
        ]

    def _reachable_flags(self):
        """How others find the API server, and how it finds kubelets."""
        if not self.network:
            return [
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",  # a loopback address cannot be an endpoint
                f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
            ]
        return [
            f"--advertise-address={self.network.address}",
            f"--service-cluster-ip-range={self.network.service_addresses}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={self._certificates.certificate('admin')}",
            f"--kubelet-client-key={self._certificates.key('admin')}",
        ]

    def _kube_controller_manager_flags(self):
        certificates = self._certificates
        return [
            f"--kubeconfig={self._component_kubeconfig('kube-controller-manager')}",
            *self._serving_flags("kube-controller-manager"),
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={certificates.service_account_key}",
            f"--root-ca-file={certificates.certificate('ca')}",
            f"--node-monitor-grace-period={self.lost_node_seconds}s",
            "--node-monitor-period=1s",
            # Autoscalers look every 15 s and disregard the first 5 min of a pod by default.
            "--horizontal-pod-autoscaler-sync-period=2s",
            "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
            "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]

    def _kube_scheduler_flags(self):
        return [
            f"--config={self.directory / 'kube-scheduler.json'}",
            *self._serving_flags("kube-scheduler"),
        ]

    def _kwok_flags(self):
        return [
            f"--kubeconfig={self._component_kubeconfig('kwok')}",
            f"--server-address=127.0.0.1:{self._ports['kwok']}",
            f"--config={pathlib.Path(__file__).with_name('stages.yaml')}",
            "--manage-all-nodes=false",
            f"--manage-nodes-with-label-selector={nodes.KUBELET_LABEL}={nodes.RUNNING}",
            # kwok renews a lease after a quarter of its life.
            f"--node-lease-duration-seconds={max(self.lost_node_seconds * 4 // 3, 4)}",
            f"--cidr={POD_ADDRESSES}",
        ]


def answers_plainly(address, port, path):
    """Whether a server without TLS says 200."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    finally:
        connection.close()
