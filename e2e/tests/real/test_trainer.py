"""The trainer on real nodes, driven by hand: plain Jobs instead of TrainingJobs, a folder that all
nodes see instead of a store. What the tests of interruptions add is Spillway.
"""

import pytest

from cluster import wait_until
from support.pods import container_log, pods_of_job
from support.trainer import Journal

WAIT = 90  # seconds: far above what is needed
RANKS = 2
STEPS = 300
FLAGS = [f"--steps={STEPS}", "--interval=50", "--hidden=512", "--peer-seconds=10"]


def gang_manifests(image, attempt, directory, *flags):
    """A headless Service and an Indexed Job, as Spillway makes them for an attempt."""
    name = f"fit-{attempt}"
    variables = {
        "MASTER_ADDR": f"{name}-0.fit",
        "MASTER_PORT": "29500",
        "WORLD_SIZE": str(RANKS),
        "SPILLWAY_ATTEMPT": str(attempt),
    }
    rank = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    environment = [{"name": key, "value": value} for key, value in variables.items()]
    environment.append({"name": "RANK", "valueFrom": {"fieldRef": {"fieldPath": rank}}})
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": name}},
    }
    mount = {"name": "checkpoints", "mountPath": "/checkpoints", "subPathExpr": "$(RANK)"}
    trainer = {
        "name": "trainer",
        "image": image,
        "args": [*FLAGS, "--directory=/checkpoints", *flags],
        "env": environment,
        "volumeMounts": [mount],
    }
    pod = {
        "restartPolicy": "Never",
        "subdomain": "fit",
        "topologySpreadConstraints": [spread],
        "containers": [trainer],
        "volumes": [{"name": "checkpoints", "hostPath": {"path": str(directory)}}],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completionMode": "Indexed",
            "completions": RANKS,
            "parallelism": RANKS,
            "backoffLimit": 0,
            "template": {"metadata": {"labels": {"app": name, "gang": "fit"}}, "spec": pod},
        },
    }
    ranks = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"gang": "fit"}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "fit"},
        "spec": {**ranks, "ports": [{"port": 29500}]},
    }
    return service, job


@pytest.fixture
def start(kubectl, namespace, machines, trainer_image, tmp_path):
    """start(attempt, *flags, run="run") -> what makes the journals of the attempt's ranks."""

    def begin(attempt, *flags, run="run"):
        directory = tmp_path / run
        directory.mkdir(exist_ok=True)
        manifests = gang_manifests(trainer_image, attempt, directory, *flags)
        kubectl.apply(list(manifests), f"--namespace={namespace}")

        def journal(rank):
            pods = pods_of_job(kubectl, namespace, f"fit-{attempt}")
            return Journal(container_log(machines, pods[rank], "trainer"))

        return journal

    return begin


def wait_complete(kubectl, namespace, attempt):
    what = f"job/fit-{attempt}"
    kubectl("wait", "--for=condition=Complete", what, f"-n={namespace}", f"--timeout={WAIT}s")


def test_a_gang_whose_node_loses_power_ends_elsewhere_with_the_same_bits(
    kubectl, namespace, machines, start
):
    journal = start(1, run="undisturbed")
    wait_complete(kubectl, namespace, 1)
    expected = journal(0).fingerprint
    assert journal(1).fingerprint == expected

    machines.add("node-c")
    journal = start(2, "--step-milliseconds=20")
    wait_until(lambda: journal(0).step >= 70, WAIT, "some steps")
    pods = pods_of_job(kubectl, namespace, "fit-2")
    lost = pods[1]["spec"]["nodeName"]
    machines.kill(lost)
    last = journal(0).step
    machines.remove(lost)
    # The rank that is left sees silence, not an end: nobody was there to close the connection.
    wait_until(lambda: journal(0).of("failed"), WAIT, "rank 0 to notice")
    kubectl("delete", "job", "fit-2", f"--namespace={namespace}", "--wait=false")

    journal = start(3)
    wait_complete(kubectl, namespace, 3)
    used = {pod["spec"]["nodeName"] for pod in pods_of_job(kubectl, namespace, "fit-3").values()}
    assert len(used) == RANKS and lost not in used
    assert journal(0).started_at_step >= 50, "it began again instead of resuming"
    print(f"{lost} was lost after step {last}; resumed from {journal(0).started_at_step}")
    assert {journal(0).fingerprint, journal(1).fingerprint} == {expected}
    machines.add(lost)
    machines.remove("node-c")
