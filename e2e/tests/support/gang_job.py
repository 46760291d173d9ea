"""A gang of trainers as a plain Job, as Spillway makes it for an attempt: for tests that drive by
hand what Spillway does.
"""

import json
import urllib.error
import urllib.request

from .pods import container_log, pods_of_job
from .trainer import Journal

RANKS = 2
PORT = "29500"
TRAINER = "trainer"
SYNC = "sync"
DIRECTORY = "/checkpoints"
AGENT_PORT = 8467
TOKEN = "token-of-this-job"
RANK_PATH = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def environment(variables):
    return [{"name": key, "value": value} for key, value in variables.items()]


def rank_variable():
    return {"name": "RANK", "valueFrom": {"fieldRef": {"fieldPath": RANK_PATH}}}


def gang_job(name, attempt, image, flags, ranks=RANKS, **pod_spec):
    """(Service, Job): the ranks on different nodes, all with one container and the variables of a
    gang. `pod_spec` is added to the pods'.
    """
    job_name = f"{name}-{attempt}"
    variables = {
        "MASTER_ADDR": f"{job_name}-0.{name}",
        "MASTER_PORT": PORT,
        "WORLD_SIZE": str(ranks),
        "SPILLWAY_ATTEMPT": str(attempt),
    }
    trainer = {
        "name": TRAINER,
        "image": image,
        "args": [*flags, f"--directory={DIRECTORY}"],
        "env": [*environment(variables), rank_variable()],
        "volumeMounts": [{"name": "checkpoints", "mountPath": DIRECTORY}],
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": job_name}},
    }
    pod = {
        "restartPolicy": "Never",
        "subdomain": name,
        "topologySpreadConstraints": [spread],
        "containers": [trainer],
        "volumes": [{"name": "checkpoints", "emptyDir": {}}],
        **pod_spec,
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name},
        "spec": {
            "completionMode": "Indexed",
            "completions": ranks,
            "parallelism": ranks,
            "backoffLimit": 0,
            "template": {"metadata": {"labels": {"app": job_name, "gang": name}}, "spec": pod},
        },
    }
    headless = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"gang": name}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {**headless, "ports": [{"port": int(PORT)}]},
    }
    return service, job


def agent_containers(image, variables):
    """restore and sync, as init containers: the first ends before the program starts, the second
    lives beside it.
    """
    common = {
        "image": image,
        "env": [*environment({**variables, "SPILLWAY_TOKEN": TOKEN}), rank_variable()],
        "volumeMounts": [{"name": "checkpoints", "mountPath": DIRECTORY}],
    }
    return [
        {"name": "restore", "args": ["restore"], **common},
        {"name": SYNC, "args": ["sync"], "restartPolicy": "Always", **common},
    ]


class GangJob:
    """An attempt that was applied."""

    def __init__(self, kubectl, namespace, machines, name, attempt):
        self._kubectl = kubectl
        self._namespace = namespace
        self._machines = machines
        self.job = f"{name}-{attempt}"

    def pods(self):
        return pods_of_job(self._kubectl, self._namespace, self.job)

    def log(self, rank, container):
        return container_log(self._machines, self.pods()[rank], container)

    def journal(self, rank):
        return Journal(self.log(rank, TRAINER))

    def nodes(self):
        return {pod["spec"]["nodeName"] for pod in self.pods().values()}

    def wait_complete(self, timeout):
        what = f"job/{self.job}"
        namespace = f"--namespace={self._namespace}"
        self._kubectl("wait", "--for=condition=Complete", what, namespace, f"--timeout={timeout}s")

    def delete(self):
        self._kubectl("delete", "job", self.job, f"--namespace={self._namespace}", "--wait=false")

    def ask_agent(self, rank, path, body=None, token=TOKEN):
        """(HTTP status, answer) of the agent on the pod's address, as the operator asks it."""
        address = self.pods()[rank]["status"]["podIP"]
        request = urllib.request.Request(
            f"http://{address}:{AGENT_PORT}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, None
