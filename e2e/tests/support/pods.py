"""Pods of real nodes: which there are, and what their containers said."""

RANK = "batch.kubernetes.io/job-completion-index"


def pods_of_job(kubectl, namespace, job):
    """Rank -> pod of an Indexed Job."""
    selector = f"batch.kubernetes.io/job-name={job}"
    pods = kubectl.items("pods", f"--namespace={namespace}", f"--selector={selector}")
    return {int(pod["metadata"]["labels"][RANK]): pod for pod in pods}


def open_log(machines, pod, container):
    """The file that a container prints into, opened on the node's disk, or None while there is
    none. It can be read to its end when the pod, and even the power of the node, is gone: an open
    file outlives its name.
    """
    name = pod["spec"].get("nodeName")
    if name is None:
        return None
    metadata = pod["metadata"]
    folder = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}/{container}"
    for path in machines[name].pod_logs.glob(f"{folder}/0.log"):
        try:
            return open(path, errors="replace")  # closed with the object that asked
        except FileNotFoundError:
            return None
    return None


def read_log(file):
    """All that was printed into it so far."""
    text = ""
    file.seek(0)
    for line in file:
        # As the container runtime writes it: time, stream, P(artial) or F(ull), the line.
        _, _, kind, said = ([*line.rstrip("\n").split(" ", 3), "", "", ""])[:4]
        text += said + ("\n" if kind == "F" else "")
    return text


def container_log(machines, pod, container):
    """All that a container of a pod that is still there, or lost its node, has printed."""
    file = open_log(machines, pod, container)
    if file is None:
        return ""
    with file:
        return read_log(file)
