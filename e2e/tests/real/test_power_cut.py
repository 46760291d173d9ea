"""The trainer on real nodes, driven by hand: plain Jobs instead of TrainingJobs, a folder that all
nodes see instead of a store. What the tests of interruptions add is Spillway.
"""

import pytest

from cluster import wait_until
from support.gang_job import RANKS, TRAINER, GangJob, gang_job

WAIT = 90  # seconds: far above what is needed
STEPS = 300
FLAGS = [f"--steps={STEPS}", "--interval=50", "--hidden=512", "--peer-seconds=10"]


@pytest.fixture
def start(kubectl, namespace, machines, trainer_image, tmp_path):
    """start(attempt, *flags, run="run") -> GangJob."""

    def begin(attempt, *flags, run="run"):
        directory = tmp_path / run
        directory.mkdir(exist_ok=True)
        kept = {"name": "checkpoints", "hostPath": {"path": str(directory)}}
        service, job = gang_job("fit", attempt, trainer_image, [*FLAGS, *flags], volumes=[kept])
        (trainer,) = job["spec"]["template"]["spec"]["containers"]
        trainer["volumeMounts"][0]["subPathExpr"] = "$(RANK)"
        assert trainer["name"] == TRAINER
        kubectl.apply([service, job], f"--namespace={namespace}")
        return GangJob(kubectl, namespace, machines, "fit", attempt)

    return begin


def test_a_gang_whose_node_loses_power_ends_elsewhere_with_the_same_bits(machines, start):
    undisturbed = start(1, run="undisturbed")
    undisturbed.wait_complete(WAIT)
    expected = undisturbed.journal(0).fingerprint
    assert undisturbed.journal(1).fingerprint == expected

    machines.add("node-c")
    gang = start(2, "--step-milliseconds=100")  # 30 s: it is not to end before it is cut off
    wait_until(lambda: gang.journal(0).step >= 70, WAIT, "some steps")
    lost = gang.pods()[1]["spec"]["nodeName"]
    machines.kill(lost)
    last = gang.journal(0).step
    machines.remove(lost)
    # The rank that is left sees silence, not an end: nobody was there to close the connection.
    wait_until(lambda: gang.journal(0).of("failed"), WAIT, "rank 0 to notice")
    gang.delete()

    gang = start(3)
    gang.wait_complete(WAIT)
    assert len(gang.nodes()) == RANKS and lost not in gang.nodes()
    assert gang.journal(0).started_at_step >= 50, "it began again instead of resuming"
    print(f"{lost} was lost after step {last}; resumed from {gang.journal(0).started_at_step}")
    assert {gang.journal(0).fingerprint, gang.journal(1).fingerprint} == {expected}
