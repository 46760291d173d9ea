"""A node whose kubelet has died is taken for gone, the job goes on elsewhere, and what ran there goes on
as well: it reaches the store, is further by steps and commits checkpoint after checkpoint. None of
them is ever resumed from.
"""

import datetime
import re

from cluster import wait_until
from support import agent
from support.real_world import TrainerJob

WAIT = 240  # seconds: far above what is needed
STEPS = 1500
INTERVAL = 50  # steps
MODEL = [f"--steps={STEPS}", f"--interval={INTERVAL}", "--hidden=256", "--keep=100"]
PACE = ["--step-milliseconds=30"]
CHECKPOINT = {
    "store": agent.STORE,
    "mode": "Native",
    "format": "SuccessFile",
    "trigger": {"http": {"port": 8470, "path": "/save"}},
    "interval": "10s",
}
COMMIT = re.compile(r"/attempt-(\d+)/checkpoint-(\d+)/_SUCCESS$")


def committed(store, attempt):
    """The steps that an attempt has committed, in order."""
    found = (COMMIT.search(key) for key in store.keys(agent.BUCKET, agent.PREFIX))
    return sorted(int(match[2]) for match in found if match and int(match[1]) == attempt)


def node_of(job, attempt):
    return job.pods(attempt)[0]["spec"]["nodeName"]


def test_a_zombie_that_commits_later_steps_is_never_resumed_from(
    world, machines, pool, store, trainer_image, expected_weights, tmp_path
):
    expected = expected_weights(*MODEL, ranks=1)
    agent.allow_uploads(world)
    world.start_operator(more_configuration=agent.configuration(store, tmp_path))
    flags = [*MODEL, *PACE, "--native", "--http-port=8470", "--http-path=/save"]
    job = TrainerJob(
        world, machines, trainer_image, "fit", flags,
        replicas=1, checkpoint=CHECKPOINT, totalSteps=STEPS,
    )  # fmt: skip
    wait_until(lambda: job.training.status["checkpoint"]["step"], WAIT, "a verified checkpoint")
    job.journal(1, 0)
    zombies_node = node_of(job, 1)
    machines[zombies_node].freeze_kubelet()
    pool.declare_lost(zombies_node)

    wait_until(lambda: job.journal(2, 0).of("step"), WAIT, "a step of the second attempt")
    second_began = job.journal(2, 0).started_at_step
    assert node_of(job, 2) != zombies_node and second_began > 0
    # It lives, is ahead, and commits what its successor has not come to yet.
    wait_until(lambda: committed(store, 2), WAIT, "a checkpoint of the second attempt")
    ahead = wait_until(
        lambda: (steps := committed(store, 1)) and steps[-1] > committed(store, 2)[-1] and steps,
        WAIT,
        "the zombie to commit later steps",
    )

    def shown():
        found = job.training.status["checkpoint"]
        return "/attempt-0002/" in found["uri"] and found

    shows = wait_until(shown, WAIT, "the status to show the second attempt's checkpoint")
    print(f"second attempt: {shows}; the zombie's newest: {ahead[-1]}")

    victim = node_of(job, 2)
    deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=30)
    machines[victim].announce_interruption(deadline)
    wait_until(lambda: job.journal(3, 0).of("step"), WAIT, "a step of the third attempt")
    third_began = job.journal(3, 0).started_at_step
    newest = committed(store, 1)[-1]
    print(f"third attempt began at {third_began}; the zombie's newest: {newest}")
    assert third_began in committed(store, 2)
    assert third_began < newest, "the zombie was to be further"
    pool.lose(victim)

    status = job.wait_complete(WAIT)
    assert "/attempt-0003/" in status["checkpoint"]["uri"]
    assert job.journal(3, 0).fingerprint == expected
    assert committed(store, 1)[-1] > second_began, "it was to commit after it was declared lost"
    assert status["interruptions"]["count"] == 2
    assert status.get("restartsCounted", 0) == 0
    machines[zombies_node].kill()
    job.close()
