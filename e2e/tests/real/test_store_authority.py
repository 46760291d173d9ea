"""A store behind TLS with an authority of its own: `caFile` is all that it needs, for the operator and
for the agents; without it everything says so.
"""

import pytest

from cluster import wait_until
from support import agent
from support.object_store import ObjectStore
from support.pods import open_log, read_log
from support.real_world import DIRECTORY, TrainerJob
from support.world import QUICK, condition

WAIT = 180  # seconds: far above what is needed
STEPS = 600
MODEL = [f"--steps={STEPS}", "--interval=50", "--hidden=4096", "--peer-seconds=30"]
PACE = ["--step-milliseconds=50"]
CHECKPOINT = {
    "store": agent.STORE,
    "mode": "Agent",
    "format": "SuccessFile",
    "directory": DIRECTORY,
    "trigger": {"signal": "SIGUSR1"},
    "interval": "10s",
    "saveTimeout": "10s",
}
SENTENCE = "is not accepted"
ADVICE = "name the PEM file of it (caFile)"


@pytest.fixture
def store(cluster, tmp_path):
    """As the one of the other tests, but nobody knows who has signed its certificate."""
    started = ObjectStore(tmp_path, cluster.address, tls=True).start()
    started.make_bucket(agent.BUCKET)
    yield started
    started.stop()


def test_without_its_authority_all_say_so_and_with_it_a_gang_saves_and_resumes(
    world, machines, pool, store, trainer_image, agent_image, expected_weights, tmp_path
):
    expected = expected_weights(*MODEL)
    agent.allow_uploads(world)
    distrustful = agent.configuration(store, tmp_path, agent_image)
    operator = world.start_operator(more_configuration=distrustful)
    job = TrainerJob(
        world, machines, trainer_image, "fit", [*MODEL, *PACE], checkpoint=CHECKPOINT,
        totalSteps=STEPS,
    )  # fmt: skip

    # The first attempt is without it. It computes on; its saves stay where they are.
    status = job.training.wait_condition("Checkpointed", "Unknown", timeout=WAIT)
    found = condition(status, "Checkpointed")
    print(f"{found['reason']}: {found['message']}")
    assert found["reason"] == "StoreUnreadable"
    assert SENTENCE in found["message"] and ADVICE in found["message"]
    job.wait_step(1, 60, WAIT)
    log = wait_until(
        lambda: open_log(machines, job.pods(1)[0], "spillway-sync"), WAIT, "the agent's log"
    )
    complaint = wait_until(
        lambda: next((line for line in read_log(log).splitlines() if SENTENCE in line), None),
        WAIT,
        "the agent to say why nothing is saved",
    )
    log.close()
    print(complaint)
    assert ADVICE in complaint
    assert store.keys(agent.BUCKET) == []

    # The administrator names it. The running attempt keeps what it began with; the next one trusts.
    operator.write_configuration(
        {"placement": QUICK, **agent.configuration(store, tmp_path, agent_image, store.authority)}
    )
    job.training.wait(
        lambda s: condition(s, "Checkpointed")["reason"] == "NoCheckpoint",
        "to read the store",
        WAIT,
    )
    job.training.patch({"spec": {"suspend": True}})
    wait_until(lambda: not job.training.pods(), WAIT, "the first attempt to end")
    job.training.patch({"spec": {"suspend": False}})
    job.wait_step(2, 60, WAIT)
    verified = job.training.wait(
        lambda s: s.get("checkpoint", {}).get("step", 0) > 0, "to have a verified checkpoint", WAIT
    )["checkpoint"]
    assert condition(job.training.status, "Checkpointed")["reason"] == "Verified"

    # What was saved there is resumed from.
    for rank in (0, 1):
        job.journal(2, rank)
    pool.lose_silently(job.pods(2)[1]["spec"]["nodeName"])
    status = job.wait_complete(WAIT)
    assert job.journal(3, 0).started_at_step >= verified["step"]
    assert {job.journal(3, rank).fingerprint for rank in (0, 1)} == {expected}
    assert status.get("restartsCounted", 0) == 0
    job.close()
