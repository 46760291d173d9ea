"""spillway-agent on real nodes: its containers beside the trainer in plain Jobs, driven by hand;
the chart's DaemonSet. What the tests of interruptions add is the operator.
"""

import datetime
import json

import pytest

from cluster import wait_until
from support.agent import BUCKET
from support.gang_job import DIRECTORY, RANKS, SYNC, GangJob, agent_containers, gang_job
from support.object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY

WAIT = 90  # seconds: far above what is needed
STEPS = 300
FLAGS = [f"--steps={STEPS}", "--interval=1000", "--hidden=4096", "--peer-seconds=10"]
# Half a minute from the first step to the last: nobody ends before something has happened to him.
PACE = "--step-milliseconds=100"
JOB = "training/{namespace}/fit/uid-1/"


@pytest.fixture
def start(kubectl, namespace, machines, trainer_image, agent_image, store):
    """start(attempt, *flags, resume=(folder, step) or None, node=None, ranks=2) -> GangJob."""

    def begin(attempt, *flags, resume=None, node=None, ranks=RANKS):
        variables = {
            "WORLD_SIZE": str(ranks),
            "SPILLWAY_ATTEMPT": str(attempt),
            "SPILLWAY_JOB_NAMESPACE": namespace,
            "SPILLWAY_JOB_NAME": "fit",
            "SPILLWAY_JOB_UID": "uid-1",
            "SPILLWAY_CHECKPOINT_URI": f"s3://{BUCKET}/{JOB.format(namespace=namespace)}",
            "SPILLWAY_CHECKPOINT_DIR": DIRECTORY,
            "SPILLWAY_CHECKPOINT_FORMAT": "SuccessFile",
            "SPILLWAY_STORE_ENDPOINT": store.endpoint,
            "SPILLWAY_STORE_REGION": store.region,
            "SPILLWAY_STORE_PATH_STYLE": "true",
            "SPILLWAY_STORE_CREDENTIALS": "environment",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "SPILLWAY_TRIGGER": "signal:SIGUSR1",
        }
        told = []
        if resume:
            folder, step = resume
            variables["SPILLWAY_RESUME_FROM"] = f"s3://{BUCKET}/{folder}"
            variables["SPILLWAY_RESUME_STEP"] = str(step)
            told = [f"--resume-step={step}"]
        service, job = gang_job(
            "fit",
            attempt,
            trainer_image,
            [*FLAGS, *flags, *told],
            ranks,
            nodeSelector={"kubernetes.io/hostname": node} if node else {},
            initContainers=agent_containers(agent_image, variables),
            shareProcessNamespace=True,
        )
        kubectl.apply([service, job], f"--namespace={namespace}")
        return GangJob(kubectl, namespace, machines, "fit", attempt)

    return begin


def manifests(store, folder):
    """The manifests of a checkpoint in the store, by rank."""
    found = {}
    for key in store.keys(BUCKET, f"{folder}MANIFEST"):
        text = store.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        manifest = json.loads(text)
        found[manifest["rank"]] = manifest
    return found


def test_a_gang_saves_when_asked_and_resumes_on_another_node_with_the_same_bits(
    machines, start, store, namespace, expected_weights
):
    expected = expected_weights(*FLAGS)
    machines.add("node-c")
    gang = start(1, PACE)
    wait_until(lambda: gang.journal(0).step >= 20, WAIT, "some steps")

    deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60)
    asked = {
        "id": "1-1",
        "attempt": 1,
        "deadline": deadline.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": "Notice",
    }
    assert gang.ask_agent(0, "/v1/save", asked, token="another's")[0] == 401
    for rank in range(RANKS):
        assert gang.ask_agent(rank, "/v1/save", asked)[0] == 202

    def saved():
        told = [gang.ask_agent(rank, "/v1/status")[1] for rank in range(RANKS)]
        assert {status["request"]["state"] for status in told} == {"Saved"}, told
        # The request of one rank may come after the save that the other's made.
        assert len({status["saved"]["step"] for status in told}) == 1, told
        return [status["saved"] for status in told]

    answers = wait_until(saved, WAIT, "both agents to have saved the same step")
    print(f"saved, as the agents say: {answers}")
    step = answers[0]["step"]
    assert 20 <= step < STEPS
    job = JOB.format(namespace=namespace)
    folder = f"{job}attempt-0001/step-{step:012d}/"
    assert sorted(manifests(store, folder)) == [0, 1]
    assert {m["step"] for m in manifests(store, folder).values()} == {step}

    lost = gang.pods()[1]["spec"]["nodeName"]
    machines.remove(lost)
    gang.delete()
    gang = start(2, resume=(folder, step))
    gang.wait_complete(WAIT)
    assert lost not in gang.nodes()
    assert {gang.journal(rank).started_at_step for rank in range(RANKS)} == {step}
    assert {gang.journal(rank).fingerprint for rank in range(RANKS)} == {expected}
    # The sidecar outlives the program: the last checkpoint is there although nobody asked.
    last = f"{job}attempt-0002/step-{STEPS:012d}/"
    wait_until(lambda: sorted(manifests(store, last)) == [0, 1], WAIT, "the final checkpoint")


def committed_steps(store, namespace, attempt):
    """Steps that an attempt has committed."""
    prefix = f"{JOB.format(namespace=namespace)}attempt-{attempt:04d}/"
    folders = [key.split("/")[-2] for key in store.keys(BUCKET, prefix) if "MANIFEST" in key]
    return [int(folder.removeprefix("step-")) for folder in folders]


def test_an_attempt_that_was_cut_off_commits_nothing_after_its_successor_has_begun(
    machines, start, store, namespace
):
    """A cable is cut, the job goes on elsewhere, and the cable is mended: the old program still
    computes, is further by steps, and finds that nobody wants its checkpoints.
    """
    often = ["--interval=50", "--steps=100000", "--step-milliseconds=20"]
    zombie = start(1, *often, node="node-b", ranks=1)
    steps = wait_until(lambda: committed_steps(store, namespace, 1), WAIT, "a checkpoint")
    machines["node-b"].disconnect()
    before = committed_steps(store, namespace, 1)

    folder = f"{JOB.format(namespace=namespace)}attempt-0001/step-{steps[0]:012d}/"
    heir = start(2, *often, resume=(folder, steps[0]), node="node-a", ranks=1)
    wait_until(lambda: committed_steps(store, namespace, 2), WAIT, "its successor's checkpoint")
    saved = len(zombie.journal(0).of("saved"))
    assert zombie.journal(0).step > heir.journal(0).step, "it was to be further by steps"

    machines["node-b"].connect()
    wait_until(lambda: "has taken over" in zombie.log(0, SYNC), WAIT, "it to find its successor")
    # What was on the wire when the cable was cut may have arrived: below its own attempt, which
    # counts after all of its successor's.
    after = committed_steps(store, namespace, 1)
    assert len(after) <= len(before) + 1
    wait_until(lambda: len(zombie.journal(0).of("saved")) > saved + 3, WAIT, "it to save some more")
    assert committed_steps(store, namespace, 1) == after
    zombie.delete()
    heir.delete()


def test_a_deleted_gang_saves_within_its_grace(start, store, namespace):
    gang = start(1, PACE)
    wait_until(lambda: gang.journal(0).step >= 20, WAIT, "some steps")
    gang.delete()
    folder = f"{JOB.format(namespace=namespace)}attempt-0001/"

    def committed():
        steps = {key.split("/")[-2] for key in store.keys(BUCKET, folder) if "MANIFEST" in key}
        assert steps, store.keys(BUCKET)
        (step,) = steps
        assert sorted(manifests(store, f"{folder}{step}/")) == [0, 1]
        return int(step.removeprefix("step-"))

    assert wait_until(committed, WAIT, "what SIGTERM made it save to be in the store") >= 20


def test_a_notice_of_the_metadata_service_marks_the_node_and_a_withdrawn_one_unmarks_it(
    machines, installation, kubectl
):
    """The chart's DaemonSet, with the rights and under the policy that the chart gives it."""
    node = machines["node-b"]
    wait_until(lambda: node.log("metadata").read_text().count("instance-action") > 2, WAIT, "asks")
    assert not marks(kubectl, "node-b")[0]

    deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=120)
    said = node.announce_interruption(deadline)
    taint, annotations = wait_until(
        lambda: (found := marks(kubectl, "node-b"))[0] and found, WAIT, "the taint"
    )
    assert (taint["value"], taint["effect"]) == ("interruption", "NoSchedule")
    assert annotations["spillway.dev/interruption-deadline"] == said
    assert annotations["spillway.dev/interruption-source"] == "aws-metadata"
    assert not marks(kubectl, "node-a")[0]

    node.withdraw_interruption()
    wait_until(lambda: not any(marks(kubectl, "node-b")), WAIT, "the marks to be gone")


def marks(kubectl, node):
    """Our taint of a node, or None, and our annotations."""
    found = kubectl.json("get", "node", node)
    taints = {t["key"]: t for t in found["spec"].get("taints", [])}
    ours = {
        key: value
        for key, value in found["metadata"].get("annotations", {}).items()
        if key.startswith("spillway.dev/interruption")
    }
    return taints.get("spillway.dev/interruption"), ours
