"""Simulated GPU nodes: Node objects that kwok keeps alive."""

# Nodes with this label have a kubelet (kwok). Another value and the kubelet is dead: no lease is
# renewed, no pod of the node starts or ends, and the node controller finds out after its grace
# period.
KUBELET_LABEL = "simulate.spillway.dev/kubelet"
RUNNING = "running"
DEAD = "dead"


def gpu_node(
    name,
    *,
    accelerators,
    zone,
    instance_type,
    labels,
    taints,
    resource,
    cpu,
    memory,
    kubelet_version,
):
    """The manifest of one node, with its capacity in the status (the API server keeps that at
    creation).
    """
    region = (
        zone.rstrip("abcdefghijklmnopqrstuvwxyz")
        if zone[-2:-1].isdigit()
        else zone.rpartition("-")[0]
    )
    capacity = {"cpu": str(cpu), "memory": memory, "pods": "110", "ephemeral-storage": "1Ti"}
    if accelerators:
        capacity[resource] = str(accelerators)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": instance_type,
                "topology.kubernetes.io/zone": zone,
                "topology.kubernetes.io/region": region,
                KUBELET_LABEL: RUNNING,
                **labels,
            },
        },
        "spec": {"taints": [dict(taint) for taint in taints]},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "kwok",
                "kernelVersion": "kwok",
                "kubeProxyVersion": kubelet_version,
                "kubeletVersion": kubelet_version,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "kwok",
                "systemUUID": "",
            },
        },
    }


def is_ready(node):
    """Ready, and free of the taint that a node bears until the node controller sees that."""
    conditions = {
        condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])
    }
    taints = {taint["key"] for taint in node["spec"].get("taints", [])}
    return conditions.get("Ready") == "True" and "node.kubernetes.io/not-ready" not in taints
