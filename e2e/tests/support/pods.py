"""Pods of real nodes: which there are, and what their containers said."""

RANK = "batch.kubernetes.io/job-completion-index"


def pods_of_job(kubectl, namespace, job):
    """Rank -> pod of an Indexed Job."""
    selector = f"batch.kubernetes.io/job-name={job}"
    pods = kubectl.items("pods", f"--namespace={namespace}", f"--selector={selector}")
    return {int(pod["metadata"]["labels"][RANK]): pod for pod in pods}


def container_log(machines, pod, container):
    """All that a container has printed, read from the node's disk: it is there when the pod, and
    even the power of the node, is gone.
    """
    name = pod["spec"].get("nodeName")
    if name is None:
        return ""
    metadata = pod["metadata"]
    folder = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}/{container}"
    text = ""
    for file in sorted(machines[name].pod_logs.glob(f"{folder}/*.log")):
        for line in file.read_text(errors="replace").splitlines():
            # As the container runtime writes it: time, stream, P(artial) or F(ull), the line.
            _, _, kind, said = (line.split(" ", 3) + ["", "", ""])[:4]
            text += said + ("\n" if kind == "F" else "")
    return text
