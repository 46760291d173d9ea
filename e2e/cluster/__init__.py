"""A Kubernetes cluster on this machine, with simulated nodes or real ones. Standard library only.

    from cluster import ControlPlane

    with ControlPlane(directory) as cluster:
        cluster.add_gpu_nodes(
            "spot-a", count=4, accelerators=8, zone="us-east-1a", instance_type="p4d.24xlarge"
        )

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real programs; kwok plays
the kubelets (stages.yaml says how). Machines adds nodes with kubelets and containers to a control
plane that was made with a Network. e2e/README.md is the manual.
"""

from .api import Api, ApiError
from .audit import AuditLog, Write
from .control_plane import ControlPlane
from .machines import Machines
from .metrics_server import MetricsServer
from .network import Network
from .processes import Process
from .waiting import wait_until

__all__ = [
    "Api",
    "ApiError",
    "AuditLog",
    "ControlPlane",
    "Machines",
    "MetricsServer",
    "Network",
    "Process",
    "Write",
    "wait_until",
]
