"""metrics-server: what kubelets measure of pods, as the API that autoscalers ask."""

import json
import pathlib

from . import tools
from .control_plane import free_ports
from .processes import Process
from .waiting import wait_until

START_TIMEOUT = 120  # seconds: it is ready when it has measured every node twice
RESOLUTION = "10s"  # the shortest that it takes
NAMESPACE = "kube-system"
NAME = "metrics-server"
API = "v1beta1.metrics.k8s.io"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


class MetricsServer:
    """The real program on this machine, for a ControlPlane that was made with a network. A context
    manager: while it is open the API server serves metrics.k8s.io.
    """

    def __init__(self, cluster, die_with_parent=False):
        self._cluster = cluster
        self._process = Process(cluster.directory, NAME)
        self._die_with_parent = die_with_parent
        self._port = free_ports(1)[0]

    def __enter__(self):
        self._process.start(
            [tools.path(NAME), *self._flags()], die_with_parent=self._die_with_parent
        )
        try:
            self._register()
            wait_until(self._serves, START_TIMEOUT, f"{API} (log: {self._process.log})")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # First the registration: an API that does not answer keeps namespaces from being deleted.
        for path in (f"{API_SERVICES}/{API}", f"{SERVICES}/{NAME}"):
            self._cluster.api.request("DELETE", path)
        self._process.stop()

    def _flags(self):
        cluster = self._cluster
        kubeconfig = cluster.kubeconfig_of(NAME, group="system:masters")
        pki = pathlib.Path(cluster.directory) / "pki"
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={cluster.address}",
            f"--secure-port={self._port}",
            f"--tls-cert-file={pki / 'server.crt'}",
            f"--tls-private-key-file={pki / 'server.key'}",
            f"--kubelet-client-certificate={pki / 'admin.crt'}",
            f"--kubelet-client-key={pki / 'admin.key'}",
            "--kubelet-insecure-tls",  # kubelets of this cluster sign their own certificates
            "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-use-node-status-port",
            f"--metric-resolution={RESOLUTION}",
            "--kubelet-request-timeout=5s",
        ]

    def _register(self):
        """The API server reaches it under an external name: its address, without a way through the
        nodes.
        """
        api = self._cluster.api
        external = {"type": "ExternalName", "externalName": self._cluster.address}
        api.create(SERVICES, {"metadata": {"name": NAME}, "spec": external})
        specification = {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "service": {"namespace": NAMESPACE, "name": NAME, "port": self._port},
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        }
        api.create(API_SERVICES, {"metadata": {"name": API}, "spec": specification})

    def _serves(self):
        if self._process.pid is None:
            raise RuntimeError(f"{NAME} ended while starting:\n{self._process.log_tail()}")
        status, text = self._cluster.api.request("GET", "/apis/metrics.k8s.io/v1beta1/nodes")
        return status == 200 and json.loads(text)["items"]
