"""The proof: a gang of two loses its nodes with a long notice, a short one and none, resumes
elsewhere from a verified checkpoint each time, and ends with the very bits of an undisturbed run.
"""

import datetime

from cluster import wait_until
from support import agent
from support.history import TRAINING_JOBS
from support.interruptions import measure, table
from support.real_world import DIRECTORY, TrainerJob

WAIT = 180  # seconds: far above what is needed
STEPS = 1200
INTERVAL = 100  # steps
MODEL = [f"--steps={STEPS}", f"--interval={INTERVAL}", "--hidden=4096", "--peer-seconds=30"]
PACE = ["--step-milliseconds=50"]
NOTICES = (120, 30, 0)  # seconds; 0 is a power cut without a word


def interrupt(machines, pool, job, history, attempt, seconds, replacement):
    """The cloud takes the node of one rank of `attempt`; returns what that took."""
    victim = job.pods(attempt)[attempt % 2]["spec"]["nodeName"]
    told_at = datetime.datetime.now(datetime.timezone.utc)
    told_step = max(job.journal(attempt, rank).step for rank in (0, 1))
    if seconds:
        machines[victim].announce_interruption(told_at + datetime.timedelta(seconds=seconds))
    else:
        pool.lose_silently(victim)
    wait_until(lambda: job.journal(attempt + 1, 0).of("step"), WAIT, "a step of the next attempt")
    assert victim not in job.nodes(attempt + 1)
    found = measure(job, history, attempt, seconds, told_at)
    print(table([found]), flush=True)
    assert found.resumed_step > 0, "it began again instead of resuming"
    if seconds:
        assert found.asked_at and found.verified_at, "nobody was asked, or nothing was verified"
        assert found.resumed_step >= told_step, "it resumed from no save that was asked for"
        assert (found.ended_at - told_at).total_seconds() < seconds, "the pods ended too late"
        pool.lose(victim)
    pool.take(replacement)
    return found


def run_through(world, machines, pool, job):
    """All interruptions, one attempt each, with work in between."""
    history = world.record(TRAINING_JOBS)
    found = []
    for attempt, seconds in enumerate(NOTICES, start=1):
        begun = wait_until(lambda a=attempt: job.journal(a, 0).started_at_step + 1, WAIT, "a start")
        job.wait_step(attempt, begun + 250, WAIT)
        found.append(
            interrupt(machines, pool, job, history, attempt, seconds, f"replacement-{attempt}")
        )
    status = job.wait_complete(WAIT)
    print(table(found))
    history.assert_one_attempt_at_a_time()
    return found, status


def check(job, status, found, expected):
    last = len(NOTICES) + 1
    assert {job.journal(last, rank).fingerprint for rank in (0, 1)} == {expected}
    assert status["interruptions"]["count"] == len(NOTICES)
    assert status.get("restartsCounted", 0) == 0, "the loss of a node is not the program's fault"
    # What is lost without a notice is at most what was done since the last save but one.
    assert found[-1].last_step - found[-1].resumed_step <= 2 * INTERVAL


def test_a_gang_in_agent_mode_ends_with_the_same_bits_whatever_takes_its_nodes(
    world, machines, pool, store, trainer_image, agent_image, expected_weights, tmp_path
):
    expected = expected_weights(*MODEL)
    agent.allow_uploads(world)
    world.start_operator(more_configuration=agent.configuration(store, tmp_path, agent_image))
    checkpoint = {
        "store": agent.STORE,
        "mode": "Agent",
        "format": "SuccessFile",
        "directory": DIRECTORY,
        "trigger": {"signal": "SIGUSR1"},
        "interval": "10s",
    }
    flags = [*MODEL, *PACE]
    job = TrainerJob(
        world, machines, trainer_image, "fit", flags, checkpoint=checkpoint, totalSteps=STEPS
    )
    found, status = run_through(world, machines, pool, job)
    check(job, status, found, expected)
    job.close()


def test_a_gang_in_native_mode_ends_with_the_same_bits_whatever_takes_its_nodes(
    world, machines, pool, store, trainer_image, expected_weights, tmp_path
):
    expected = expected_weights(*MODEL)
    agent.allow_uploads(world)
    world.start_operator(more_configuration=agent.configuration(store, tmp_path))
    checkpoint = {
        "store": agent.STORE,
        "mode": "Native",
        "format": "SuccessFile",
        "trigger": {"http": {"port": 8470, "path": "/save"}},
        "interval": "10s",
    }
    flags = [*MODEL, *PACE, "--native", "--http-port=8470", "--http-path=/save"]
    job = TrainerJob(
        world, machines, trainer_image, "fit", flags, checkpoint=checkpoint, totalSteps=STEPS
    )
    found, status = run_through(world, machines, pool, job)
    check(job, status, found, expected)
    job.close()
