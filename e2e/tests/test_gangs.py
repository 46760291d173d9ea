"""Attempts that end: ranks that are lost, programs that fail, and who counts as guilty."""

from cluster import wait_until
from support.manifests import runs_for
from support.world import WAIT, is_true

ZONE_A = "us-east-1a"


def test_a_lost_rank_ends_the_gang_and_the_whole_gang_starts_again(world):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    world.start_operator()
    history = world.record()
    job = world.train("train", replicas=3, maxRestarts=0)
    job.wait_running(pool, attempt=1)
    before = {pod["metadata"]["uid"] for pod in job.pods(1)}

    # Evicted: what a drain, a preemption or the cloud's notice does to one pod.
    victim = job.pods(1)[1]["metadata"]["name"]
    world.api.create(
        f"/api/v1/namespaces/{world.namespace}/pods/{victim}/eviction",
        {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": victim, "namespace": world.namespace},
        },
    )
    status = job.wait_running(pool, attempt=2)
    print("after an eviction:", status["placement"]["reason"])
    after = {pod["metadata"]["uid"] for pod in job.pods(2)}
    assert len(after) == 3 and not before & after, "no rank outlives its gang"
    assert status["restarts"] == 1 and status["interruptions"]["count"] == 1
    assert not status.get("restartsCounted"), "maxRestarts is 0, and nobody's program failed"

    # Gone without a word: the Node object is deleted; Kubernetes ends its pods after 40 s.
    node = job.pods(2)[0]["spec"]["nodeName"]
    world.nodes.remove(node)
    status = job.wait_running(pool, attempt=3, timeout=90)
    print("after the loss of a node:", status["placement"]["reason"])
    assert node not in job.nodes_of_pods(3)
    assert status["restarts"] == 2 and status["interruptions"]["count"] == 2
    assert not status.get("restartsCounted")
    assert len(world.events("train", "ReplicaLost")) >= 1
    lost = pool.wait(lambda s: s.get("interruptionsLastDay") == 1, "to remember the loss")
    print("life:", lost.get("life"))
    assert history.created("Job") == ["train-1", "train-2", "train-3"]
    history.assert_one_attempt_at_a_time()
    world.show("after both")


def test_a_program_that_fails_is_restarted_within_its_limit_and_then_has_failed(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=2)
    world.start_operator()
    history = world.record()
    job = world.train("broken", replicas=2, maxRestarts=1, annotations=runs_for(1, exit_code=1))
    status = job.wait_condition("Failed")
    world.show("the program has failed twice")
    assert status["phase"] == "Failed" and status["restartsCounted"] == 2
    assert status["attempt"] == 2
    assert not status.get("interruptions", {}).get("count")
    assert not is_true(status, "Running") and not is_true(status, "Complete")
    failed = job.condition("Failed")
    print(failed["reason"], failed["message"])
    assert failed["reason"] == "RestartsExhausted" and "maxRestarts" in failed["message"]
    assert status["cost"]["rate"] == "0.00"
    assert history.created("Job") == ["broken-1", "broken-2"]
    [event] = wait_until(lambda: world.events("broken", "Failed"), WAIT, "the event")
    assert event["type"] == "Warning"
    history.assert_one_attempt_at_a_time()


def test_replicas_without_a_gang_retry_alone(world):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=3)
    world.start_operator()
    history = world.record()
    job = world.train("batch", replicas=3, gang=False, maxRestarts=2)
    job.wait_running(pool, attempt=1)
    victim = job.pods()[0]["metadata"]["name"]
    world.kubectl(
        "annotate", "pod", victim, "simulate.spillway.dev/exit-code=1", f"-n={world.namespace}"
    )
    wait_until(lambda: len(history.created("Pod")) == 4, WAIT, "one replacement")
    wait_until(
        lambda: sum(p["status"]["phase"] == "Running" for p in job.pods()) == 3,
        WAIT,
        "three to run",
    )
    assert history.created("Job") == ["batch-1"], "the attempt goes on"
    for pod in job.pods():
        if pod["status"]["phase"] == "Running":
            world.kubectl(
                *("annotate", "pod", pod["metadata"]["name"], f"-n={world.namespace}"),
                "simulate.spillway.dev/run-seconds=1",
            )
    status = job.wait_condition("Complete")
    assert status["attempt"] == 1 and not status.get("restarts")
