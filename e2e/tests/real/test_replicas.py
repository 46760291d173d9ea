"""Replicas that retry alone: the cloud takes the node of one of them. It saves, is begun again on
another node where it was, and the others notice nothing.
"""

import datetime

from cluster import wait_until
from support import agent
from support.pods import RANK, container_log
from support.real_world import CONTAINER, DIRECTORY, RealPool, TrainerJob
from support.trainer import Journal

WAIT = 180  # seconds: far above what is needed
STEPS = 500
MODEL = [f"--steps={STEPS}", "--interval=100", "--hidden=1024"]
PACE = ["--step-milliseconds=50"]
# Each replica is a gang of its own.
ALONE = {"env": [{"name": "RANK", "value": "0"}, {"name": "WORLD_SIZE", "value": "1"}]}
COUNTED = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"
CHECKPOINT = {
    "store": agent.STORE,
    "mode": "Agent",
    "format": "SuccessFile",
    "directory": DIRECTORY,
    "trigger": {"signal": "SIGUSR1"},
    "interval": "10s",
}


def journal_of(machines, pod):
    """What the program of this very pod has said."""
    return Journal(container_log(machines, pod, CONTAINER))


def replacement_of(job, before):
    """The pod of the same replica that came after `before`. LookupError while there is none."""
    for pod in job.training.pods(1):
        same = pod["metadata"]["labels"][RANK] == before["metadata"]["labels"][RANK]
        other = pod["metadata"]["uid"] != before["metadata"]["uid"]
        if same and other and "nodeName" in pod["spec"]:
            return pod
    raise LookupError("there is no other pod yet")


def test_at_a_notice_one_replica_moves_and_goes_on_where_it_was(
    world, machines, store, trainer_image, agent_image, expected_weights, tmp_path
):
    expected = expected_weights(*MODEL, ranks=1)
    pool = RealPool(world, machines, "spot", tier="Spot", zone="us-east-1a", fixed="1.00")
    pool.take("node-a", "node-b")
    agent.allow_uploads(world)
    world.start_operator(more_configuration=agent.configuration(store, tmp_path, agent_image))
    job = TrainerJob(
        world,
        machines,
        trainer_image,
        "sweep",
        [*MODEL, *PACE],
        pod_spec={"container": ALONE},
        gang=False,
        maxRestarts=0,
        checkpoint=CHECKPOINT,
        totalSteps=STEPS,
    )
    wait_until(lambda: job.journal(1, 0).step and job.journal(1, 1).step, WAIT, "both to compute")
    pool.take("node-c")
    wait_until(lambda: job.journal(1, 0).step >= 130, WAIT, "some steps of the first")
    wait_until(lambda: job.journal(1, 1).step >= 30, WAIT, "some steps of the second")
    before = job.pods(1)
    victim = before[0]["spec"]["nodeName"]
    told_at = datetime.datetime.now(datetime.timezone.utc)
    told = job.journal(1, 0).step
    machines[victim].announce_interruption(told_at + datetime.timedelta(seconds=60))

    pod = wait_until(lambda: replacement_of(job, before[0]), WAIT, "another pod of the first")
    took = (datetime.datetime.now(datetime.timezone.utc) - told_at).total_seconds()
    began = wait_until(lambda: journal_of(machines, pod).started_at_step, WAIT, "its start")
    print(f"told at step {told}, another pod after {took:.1f} s, which began at step {began}")
    assert took < 60, "it was not ended before its node was to go"
    assert began >= told, "it did not resume from the save that was asked for"
    assert pod["spec"]["nodeName"] != victim
    annotations = pod["metadata"]["annotations"]
    assert (annotations[COUNTED], annotations[IGNORED]) == ("0", "1"), "the program was blamed"
    pool.lose(victim)

    status = job.wait_complete(WAIT)
    ended = {p["metadata"]["uid"] for p in job.training.pods(1)}
    assert before[1]["metadata"]["uid"] in ended, "the other was moved, too"
    fingerprints = {journal_of(machines, done).fingerprint for done in (pod, before[1])}
    assert fingerprints == {expected}
    assert (status["attempt"], status.get("restartsCounted", 0)) == (1, 0)
    reasons = [event["reason"] for event in world.events(job.training.name)]
    print(f"events: {reasons}")
    assert {"SaveRequested", "SaveVerified"} <= set(reasons)
    job.close()
    pool.close()
