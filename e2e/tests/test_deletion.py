"""`kubectl delete` of each kind leaves nothing behind, and takes nothing that is not its own."""

import pytest

from cluster import wait_until
from support import agent
from support.object_store import ObjectStore
from support.world import WAIT

ZONE_A = "us-east-1a"
CHILDREN = (
    "jobs,pods,services,deployments,replicasets,poddisruptionbudgets,endpointslices,configmaps"
)


def left(world):
    """What is in the namespace, but for what Kubernetes puts into each."""
    found = world.kubectl.items(CHILDREN, f"-n={world.namespace}")
    names = [f"{item['kind']}/{item['metadata']['name']}" for item in found]
    return [name for name in names if name != "ConfigMap/kube-root-ca.crt"]


def owners(item):
    return [
        (o["kind"], o["name"], o.get("controller")) for o in item["metadata"]["ownerReferences"]
    ]


def test_a_deleted_training_job_leaves_nothing_behind(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=3)
    world.start_operator()
    job = world.train("train", replicas=2)
    job.wait_running()
    for item in (*job.jobs(), *world.services()):
        assert owners(item) == [("TrainingJob", "train", True)]
    print("before:", left(world))
    mark = world.operator.mark()
    world.kubectl("delete", "trainingjob", "train", f"-n={world.namespace}", "--timeout=30s")
    wait_until(lambda: not left(world), WAIT, "everything of the job to be collected")
    writes = [write for write in world.writes(mark) if write.resource != "capacitypools"]
    assert not writes, "the garbage collector does it, without the operator"
    # The name is free again, and its numbering begins anew.
    job = world.train("train", replicas=2)
    job.wait_running(attempt=1)


def test_a_deleted_inference_pool_leaves_nothing_behind(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=3)
    world.start_operator()
    chat = world.serve("chat", replicas=3, capacity={"spotPercent": 100})
    chat.wait_ready(3)
    made = (*chat.deployments(), *world.services(), *world.budgets())
    assert len(made) == 3
    for item in made:
        assert owners(item) == [("InferencePool", "chat", True)]
    print("before:", left(world))
    world.kubectl("delete", "ipool", "chat", f"-n={world.namespace}", "--timeout=30s")
    wait_until(lambda: not left(world), WAIT, "everything of the service to be collected")


def test_a_deleted_capacity_pool_ends_nothing_that_runs(world):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=2)
    world.start_operator()
    job = world.train("train")
    job.wait_running(pool, attempt=1)
    uids = {pod["metadata"]["uid"] for pod in job.pods()}
    other = world.pool("other", tier="Spot", zone=ZONE_A, fixed="1.90", nodes=1)
    world.kubectl("delete", "capacitypool", pool.name, "--timeout=30s")
    assert world.kubectl.find("capacitypool", pool.name) is None, "no finalizer holds it"
    waiting = world.train("next")
    waiting.wait_running(other, attempt=1)
    assert {pod["metadata"]["uid"] for pod in job.pods()} == uids
    assert job.status["attempt"] == 1


def test_a_finished_job_is_deleted_after_its_time_to_live(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=1)
    world.start_operator()
    job = world.train(
        "train", ttlSecondsAfterFinished=2, annotations={"simulate.spillway.dev/run-seconds": "1"}
    )
    job.wait_condition("Complete")
    wait_until(
        lambda: world.kubectl.find("trainingjob", "train", f"-n={world.namespace}") is None,
        WAIT,
        "the job to be deleted",
    )
    wait_until(lambda: not left(world), WAIT, "its children to be collected")


def test_a_job_of_somebody_else_is_never_taken_over(world):
    """A Job that has the name of an attempt already, and another owner or none."""
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=2)
    world.start_operator()
    world.kubectl.apply(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "train-1", "namespace": world.namespace},
            "spec": {
                "suspend": True,
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [{"name": "mine", "image": "registry.example/mine:1"}],
                    }
                },
            },
        }
    )
    job = world.train("train")
    status = job.wait(
        lambda s: any(c["reason"] == "ChildRejected" for c in s.get("conditions", [])),
        "to say what is in its way",
    )
    message = next(c["message"] for c in status["conditions"] if c["reason"] == "ChildRejected")
    print(message)
    assert "train-1" in message
    [mine] = world.jobs()
    assert mine["spec"]["suspend"] is True and "ownerReferences" not in mine["metadata"]
    world.kubectl("delete", "job", "train-1", f"-n={world.namespace}")
    job.wait_running(attempt=1, timeout=60)


# Jobs with checkpoints: they are held until they have saved, or their checkpoints are removed.

FINALIZER = "spillway.dev/checkpoint"


@pytest.fixture
def store(tmp_path):
    found = ObjectStore(tmp_path).start()
    try:
        found.make_bucket(agent.BUCKET)
        yield found
    finally:
        found.stop()


@pytest.fixture
def running_job(world, store, tmp_path):
    """Starts a job that could save, if its pods could be reached: here they have no network."""

    def start(**checkpoint):
        configuration = agent.configuration(store, tmp_path)
        configuration["stores"][0]["prune"] = True
        world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=2)
        world.start_operator(more_configuration=configuration)
        native = {"store": agent.STORE, "mode": "Native", "format": "SuccessFile"}
        trigger = {"http": {"port": 8470, "path": "/save"}}
        job = world.train("train", checkpoint={**native, "trigger": trigger, **checkpoint})
        job.wait_running()
        assert job.get()["metadata"]["finalizers"] == [FINALIZER]
        return job

    return start


def test_a_deleted_job_is_asked_to_save_and_goes_when_its_time_is_over(world, running_job):
    job = running_job(saveTimeout="6s")
    job.delete()
    save = job.wait(lambda status: "save" in status, "to be asked to save")["save"]
    assert (save["reason"], save["state"]) == ("Deleted", "Requested")
    assert job.pods(), "they run on while they save"
    wait_until(lambda: not left(world), WAIT, "everything of the job to be collected")
    wait_until(lambda: world.events("train", "SaveGivenUp"), WAIT, "the event that says so")


def test_who_does_not_want_to_wait_for_a_deletion_need_not(world, running_job):
    job = running_job(saveTimeout="30m")
    job.delete()
    job.wait(lambda status: status.get("phase") == "Saving", "to save")
    job.patch({"metadata": {"annotations": {"spillway.dev/delete-now": "true"}}})
    wait_until(lambda: not left(world), WAIT, "everything of the job to be collected")


def test_checkpoints_go_with_their_job_when_it_says_so(world, store, running_job):
    job = running_job(deletionPolicy="Delete")
    uid = job.get()["metadata"]["uid"]
    own = f"{agent.PREFIX}/{world.namespace}/train/{uid}/attempt-0001/checkpoint-10/_SUCCESS"
    others = f"{agent.PREFIX}/{world.namespace}/train/of-another/attempt-0001/_SUCCESS"
    for key in (own, others):
        store.client.put_object(Bucket=agent.BUCKET, Key=key, Body=b"done")
    job.delete()
    wait_until(lambda: not left(world), 60, "everything of the job to be collected")
    assert store.keys(agent.BUCKET) == [others]
