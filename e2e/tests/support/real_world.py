"""The trainer as a TrainingJob on real nodes."""

from cluster import wait_until

from . import manifests
from .pods import open_log, read_log
from .trainer import Journal
from .world import POOL_LABEL, is_true

CONTAINER = "trainer"
DIRECTORY = "/checkpoints"


class RealPool:
    """A pool of a World whose nodes are machines with one accelerator each."""

    def __init__(self, world, machines, name, **options):
        self.pool = world.pool(name, **{"max_nodes": 8, **options})
        self._world = world
        self._machines = machines
        self._names = set()

    def take(self, *names):
        """Makes machines nodes of the pool, switching on those that are not there."""
        for name in names:
            if not self._machines.running(name):
                self._machines.add(name)
            self._label(name, self.pool.name)
            self._machines.set_accelerators(name, 1)
            self._names.add(name)

    def lose(self, name):
        """The cloud takes the machine, and its Node with it."""
        self._machines.remove(name)
        self._names.discard(name)

    def lose_silently(self, name):
        """The power goes; the cloud removes the Node when Kubernetes has found out."""
        self._machines.kill(name)
        wait_until(lambda: self._is_silent(name), 60, f"{name} to be found silent")
        self.lose(name)

    def declare_lost(self, name):
        """The cloud says that a silent machine is gone: its Node goes. Nothing is done to it."""
        wait_until(lambda: self._is_silent(name), 60, f"{name} to be found silent")
        self._world.api.delete(f"/api/v1/nodes/{name}")
        self._names.discard(name)

    def _is_silent(self, name):
        conditions = self._world.api.get(f"/api/v1/nodes/{name}")["status"]["conditions"]
        return any(c["type"] == "Ready" and c["status"] == "Unknown" for c in conditions)

    def close(self):
        """The machines that are left belong to no pool any more."""
        for name in sorted(self._names):
            self._label(name, None)

    def _label(self, name, value):
        self._world.api.patch(
            f"/api/v1/nodes/{name}", {"metadata": {"labels": {POOL_LABEL: value}}}
        )


class TrainerJob:
    """A TrainingJob that runs spillway-trainer, as a gang of two unless told otherwise."""

    def __init__(self, world, machines, image, name, flags, *, pod_spec=None, replicas=2, **spec):
        container = {
            "name": CONTAINER,
            "image": image,
            "args": list(flags),
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        }
        manifest = manifests.training_job(name, model=world.model, replicas=replicas, **spec)
        pods = {"terminationGracePeriodSeconds": 30, "containers": [container]}
        for key, value in (pod_spec or {}).items():
            if key == "container":
                container.update(value)
            else:
                pods[key] = value
        manifest["spec"]["template"] = {"spec": pods}
        world.api.create(world.path("trainingjobs"), manifest)
        self.training = world.training(name)
        self._machines = machines
        self._seen = {}  # (attempt, rank) -> pod
        self._logs = {}  # (attempt, rank) -> open file

    def pods(self, attempt):
        """Rank -> pod; those that are gone are as they were last seen."""
        for pod in self.training.pods(attempt):
            rank = int(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"])
            self._seen[attempt, rank] = pod
        return {rank: pod for (of, rank), pod in self._seen.items() if of == attempt}

    def journal(self, attempt, rank):
        """What a rank has said. Once asked for, it is there to its end, whatever becomes of the pod
        and its node; before there is any, LookupError.
        """
        if (attempt, rank) not in self._logs:
            pod = self.pods(attempt).get(rank)
            if pod is None:
                raise LookupError(f"attempt {attempt} has no pod of rank {rank}")
            file = open_log(self._machines, pod, CONTAINER)
            if file is None:
                raise LookupError(f"rank {rank} of attempt {attempt} has said nothing yet")
            self._logs[attempt, rank] = file
        return Journal(read_log(self._logs[attempt, rank]))

    def close(self):
        for file in self._logs.values():
            file.close()

    def nodes(self, attempt):
        return {pod["spec"].get("nodeName") for pod in self.pods(attempt).values()}

    def wait_step(self, attempt, step, timeout):
        wait_until(
            lambda: self.journal(attempt, 0).step >= step,
            timeout,
            f"attempt {attempt} to do step {step}",
        )

    def wait_complete(self, timeout):
        return self.training.wait(
            lambda status: is_true(status, "Complete"), "to be complete", timeout
        )
