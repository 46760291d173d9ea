"""What else goes through a checkpoint than a notice: suspending, and a store that is down when it
is needed most.
"""

import datetime

import pytest

from cluster import wait_until
from support import agent
from support.real_world import DIRECTORY, RealPool, TrainerJob

WAIT = 180  # seconds: far above what is needed
STEPS = 500
MODEL = [f"--steps={STEPS}", "--interval=100", "--hidden=4096", "--peer-seconds=30"]
PACE = ["--step-milliseconds=50"]
CHECKPOINT = {
    "store": agent.STORE,
    "mode": "Agent",
    "format": "SuccessFile",
    "directory": DIRECTORY,
    "trigger": {"signal": "SIGUSR1"},
    "interval": "10s",
}


@pytest.fixture
def job(world, machines, store, trainer_image, agent_image, tmp_path):
    """A gang on node-a and node-b, with node-c to go to."""
    pool = RealPool(world, machines, "spot", tier="Spot", zone="us-east-1a", fixed="1.00")
    pool.take("node-a", "node-b", "node-c")
    agent.allow_uploads(world)
    world.start_operator(more_configuration=agent.configuration(store, tmp_path, agent_image))
    flags = [*MODEL, *PACE]
    made = TrainerJob(
        world, machines, trainer_image, "fit", flags, checkpoint=CHECKPOINT, totalSteps=STEPS
    )
    yield made
    made.close()
    pool.close()


def fingerprints(job, attempt):
    return {job.journal(attempt, rank).fingerprint for rank in (0, 1)}


def test_suspending_saves_first_and_resuming_goes_on_from_there(job, expected_weights):
    expected = expected_weights(*MODEL)
    wait_until(lambda: job.journal(1, 0).step >= 130, WAIT, "some steps")
    job.journal(1, 1)
    job.training.patch({"spec": {"suspend": True}})
    told = job.journal(1, 0).step
    wait_until(lambda: not job.training.pods(), WAIT, "the pods to be gone")
    saved = job.training.status["checkpoint"]["step"]
    print(f"suspended at step {told}, saved {saved}, ended after {job.journal(1, 0).step}")
    assert saved >= told

    job.training.patch({"spec": {"suspend": False}})
    status = job.wait_complete(WAIT)
    assert job.journal(2, 0).started_at_step >= saved
    assert fingerprints(job, 2) == {expected}
    assert status.get("restartsCounted", 0) == 0


def test_a_store_that_is_down_at_the_notice_costs_work_but_never_all_of_it(
    machines, job, store, expected_weights
):
    expected = expected_weights(*MODEL)
    verified = wait_until(
        lambda: job.training.status.get("checkpoint", {}).get("step"), WAIT, "a verified checkpoint"
    )
    victim = job.pods(1)[1]["spec"]["nodeName"]
    for rank in (0, 1):
        job.journal(1, rank)
    store.stop()
    deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=20)
    machines[victim].announce_interruption(deadline)
    status = job.training.wait(
        lambda status: status.get("save", {}).get("state") == "GivenUp", "to give the save up", WAIT
    )
    print(f"given up: {status['save']}")
    found = job.training.wait_condition("Checkpointed", "Unknown")
    print(f"while the store is down: {found['conditions']}")
    store.start()
    status = job.wait_complete(WAIT)
    assert job.journal(2, 0).started_at_step >= verified > 0
    assert victim not in job.nodes(2)
    assert fingerprints(job, 2) == {expected}
    assert status.get("restartsCounted", 0) == 0
