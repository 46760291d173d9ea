"""How much the operator asks of the API server: nothing when nothing happens, little otherwise."""

import collections
import time

from cluster import wait_until
from support.history import TRAINING_JOBS
from support.manifests import runs_for
from support.quiet import settled

ZONE_A, ZONE_B = "us-east-1a", "us-east-1b"
QUIET_SECONDS = 40


def counts(writes):
    return collections.Counter(
        f"{w.verb} {w.resource}{'/' + w.subresource if w.subresource else ''}" for w in writes
    )


def quiet_for(seconds):
    begin = time.monotonic()
    wait_until(lambda: time.monotonic() - begin >= seconds, seconds + 5, f"{seconds} s to pass")


def test_when_nothing_happens_nothing_is_written(world):
    world.open_market({ZONE_A: [(0, "0.90")], ZONE_B: [(0, "1.10")]})
    world.pool("reserved", tier="Reserved", zone=ZONE_A, fixed="2.00", nodes=2)
    world.pool("spot-a", tier="Spot", zone=ZONE_A, nodes=4)
    world.pool("spot-b", tier="Spot", zone=ZONE_B, nodes=4)
    empty = world.pool("empty", tier="Spot", zone=ZONE_A, fixed="0.10", nodes=0, max_nodes=1)
    operator = world.start_operator()
    chat = world.serve("chat", replicas=4, capacity={"spotPercent": 50})
    chat.wait(lambda s: s.get("readyReplicas", 0) >= 2, "to serve")
    running = world.train("running", replicas=2, tiers=["Spot"], launchTimeout="3s")
    running.wait_running()
    waiting = world.train("waiting", model="H900")
    waiting.wait_condition("Placed", "False")
    world.train("done", annotations=runs_for(1)).wait_condition("Complete")
    tried = world.train("tried", launchTimeout="3s", tiers=["Spot"])
    tried.wait_running()
    world.show("before the quiet time")
    print("the empty pool:", empty.status.get("availability"))
    # The last events and statuses of what happened are under way for a moment.
    settled(operator)

    mark = operator.mark()
    polls = operator.metric("spillway_feed_polls_total")
    quiet_for(QUIET_SECONDS)
    # What is left of earlier tests goes away in namespaces of its own.
    writes = [w for w in operator.writes(mark) if w.namespace in ("", world.namespace)]
    renewals = [w for w in operator.writes(mark, leases=True) if w.resource == "leases"]
    heard = operator.metric("spillway_feed_polls_total") - polls
    print(f"{QUIET_SECONDS} s: {len(renewals)} renewals of the lease, {heard} polls of the market")
    assert heard > QUIET_SECONDS / 4, "the market was read all the time"
    assert 0 < len(renewals) <= QUIET_SECONDS
    assert [str(write) for write in writes] == []


# docs/writes.md lists them and says why each is needed.
LIFE_OF_A_JOB = {
    "patch trainingjobs/status": 4,
    "create services": 1,
    "create jobs": 1,
    "create events": 3,
}
LIFE_OF_A_SERVICE = {
    # The decision, and one for each of four replicas that came to hold a node or to serve alone.
    "patch inferencepools/status": 1 + 2 * 4,
    "patch services": 1,
    "patch deployments": 1,
    "patch poddisruptionbudgets": 1,
    "create events": 2,
}


def assert_at_most(found, limits):
    for kind, count in sorted(found.items()):
        print(f"{count:>3} {kind} (at most {limits.get(kind, 0)})")
    assert all(count <= limits.get(kind, 0) for kind, count in found.items()), dict(found)


def of_workload(world, mark):
    """Writes on the workload, its children and its events; those on pools are counted apart."""
    return [w for w in world.writes(mark) if w.namespace == world.namespace]


def test_the_writes_for_a_job_from_creation_to_completion_are_few(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    operator = world.start_operator()
    warm_up = world.train("warm-up", annotations=runs_for(1))
    warm_up.wait_condition("Complete")
    settled(operator)
    mark = operator.mark()
    job = world.train("train", replicas=4, annotations=runs_for(3))
    job.wait_condition("Complete")
    settled(operator)
    writes = world.writes(mark)
    for write in writes:
        print(write)
    assert all(write.code < 300 for write in writes), "no write was in vain"
    assert_at_most(counts(of_workload(world, mark)), LIFE_OF_A_JOB)
    pools = [w for w in writes if w.resource == "capacitypools"]
    print(f"{len(pools)} writes on the pool, shared by all jobs of the time")
    assert len(pools) <= 2 * 4 + 1, "one for each pod that came or went is the most"


# A gang that loses a rank: one attempt ends, the next one begins.
LIFE_OF_AN_INTERRUPTION = {
    "patch trainingjobs/status": 5,
    "delete jobs": 1,
    "create jobs": 1,
    "create events": 2,
    "patch events": 1,
}


def test_the_writes_for_an_interruption_are_few(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    operator = world.start_operator()
    job = world.train("train", replicas=4)
    job.wait_running(attempt=1)
    settled(operator)
    mark = operator.mark()
    history = world.record(TRAINING_JOBS)
    victim = job.pods()[0]["metadata"]["name"]
    world.kubectl("delete", "pod", victim, f"-n={world.namespace}", "--wait=false")
    job.wait_running(attempt=2)
    settled(operator)
    writes = of_workload(world, mark)
    for write in writes:
        print(write)
    for change in history.changes("TrainingJob"):
        print(change.object["status"])
    assert all(write.code < 300 for write in writes), "no write was in vain"
    assert_at_most(counts(writes), LIFE_OF_AN_INTERRUPTION)


def test_the_writes_for_a_service_are_few(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    operator = world.start_operator()
    settled(operator)
    mark = operator.mark()
    chat = world.serve("chat", replicas=4, capacity={"spotPercent": 100})
    chat.wait_ready(4)
    settled(operator)
    writes = of_workload(world, mark)
    for write in writes:
        print(write)
    assert all(write.code < 300 for write in writes)
    assert_at_most(counts(writes), LIFE_OF_A_SERVICE)

    mark = operator.mark()
    chat.patch_scale(2)
    chat.wait_ready(2)
    settled(operator)
    again = counts(of_workload(world, mark))
    for kind, count in sorted(again.items()):
        print(f"scale: {count} {kind}")
    assert again["patch deployments"] == 1
    assert again["patch inferencepools/status"] <= 1 + 2 * 2
    assert again["create events"] <= 1
    assert again["patch pods"] <= 2, "each replica that leaves is marked once"
    others = {"patch deployments", "patch inferencepools/status", "patch pods", "create events"}
    assert set(again) <= others, "the Service and the budget stay as they are"
