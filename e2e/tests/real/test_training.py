"""A TrainingJob with real programs on real nodes, without checkpoints: what is interrupted begins
again, and ends with the same bits.
"""

import pytest

from cluster import wait_until
from support.real_world import DIRECTORY, RealPool, TrainerJob

WAIT = 120  # seconds: far above what is needed
STEPS = 200
FLAGS = [f"--steps={STEPS}", "--interval=1000", "--hidden=512", f"--directory={DIRECTORY}"]
SCRATCH = {
    "volumes": [{"name": "scratch", "emptyDir": {}}],
    "container": {"volumeMounts": [{"name": "scratch", "mountPath": DIRECTORY}]},
}


@pytest.fixture
def pool(world, machines):
    made = RealPool(world, machines, "real", tier="Spot", zone="us-east-1a", fixed="1.00")
    made.take("node-a", "node-b")
    yield made
    made.close()


def test_a_gang_runs_and_after_the_loss_of_a_node_runs_again_elsewhere(
    world, machines, pool, trainer_image
):
    history = world.record()
    world.start_operator()
    undisturbed = TrainerJob(world, machines, trainer_image, "undisturbed", FLAGS, pod_spec=SCRATCH)
    undisturbed.wait_complete(WAIT)
    assert undisturbed.nodes(1) == {"node-a", "node-b"}
    expected = undisturbed.journal(1, 0).fingerprint

    pool.take("node-c")
    slow = [*FLAGS, "--step-milliseconds=60"]  # 12 s: it is not to end before it is interrupted
    job = TrainerJob(world, machines, trainer_image, "unlucky", slow, pod_spec=SCRATCH)
    job.wait_step(1, 50, WAIT)
    lost = job.pods(1)[1]["spec"]["nodeName"]
    pool.lose(lost)
    wait_until(lambda: job.journal(2, 0).step > 0, WAIT, "the second attempt to compute")
    assert lost not in job.nodes(2)
    status = job.wait_complete(WAIT)
    assert {job.journal(2, rank).fingerprint for rank in (0, 1)} == {expected}
    assert status.get("restartsCounted", 0) == 0, "the loss of a node is not the program's fault"
    history.assert_one_attempt_at_a_time()
    undisturbed.close()
    job.close()
