"""Where training runs, and why: prices through the EC2 interface, real pods on real Jobs."""

import time

import pytest

from cluster import wait_until
from support.history import TRAINING_JOBS
from support.manifests import SPOT_TAINT, runs_for, stops_in
from support.quiet import settled
from support.world import WAIT, condition, is_true, now, parse_time, seconds_since

ZONE_A, ZONE_B, ZONE_C, ZONE_D = (f"us-east-1{letter}" for letter in "abcd")
RUN_SECONDS = 6


def dollars(text):
    return float(text)


def environment(pod):
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in pod["spec"]["containers"][0]["env"]
    }


# The cheapest


@pytest.fixture
def three_zones(world):
    """Spot in three zones, on-demand beside it; the price is lowest in the second."""
    prices = {ZONE_A: "1.10", ZONE_B: "0.92", ZONE_C: "1.30", ZONE_D: "0.30"}
    world.open_market({zone: [(0, price)] for zone, price in prices.items()})
    spot = {"tier": "Spot", "taints": [SPOT_TAINT]}
    world.pool("too-small", zone=ZONE_D, nodes=1, **spot)
    world.pool("other-model", zone=ZONE_D, nodes=2, model=f"{world.model}-b", **spot)
    world.pool("on-demand", tier="OnDemand", zone=ZONE_A, nodes=2, fixed="3.06")
    pools = {
        "a": world.pool("spot-a", zone=ZONE_A, nodes=2, **spot),
        "b": world.pool("spot-b", zone=ZONE_B, nodes=2, **spot),
        "c": world.pool("spot-c", zone=ZONE_C, nodes=2, **spot),
    }
    world.start_operator()
    pools["b"].wait_price("0.92")
    pools["c"].wait_price("1.30")
    return pools


def train_on_the_cheapest(world):
    return world.train(
        "train",
        replicas=2,
        annotations=runs_for(RUN_SECONDS),
        attribution={"team": "vision", "project": "pretrain", "costCenter": "cc-7"},
    )


def test_a_gang_runs_on_the_cheapest_eligible_spot_pool_until_it_is_complete(world, three_zones):
    history = world.record()
    job = train_on_the_cheapest(world)
    status = job.wait_running(three_zones["b"], attempt=1)
    world.show("running")

    placement = status["placement"]
    print("reason:", placement["reason"])
    for alternative in placement["alternatives"]:
        print("alternative:", alternative)
    assert (placement["tier"], placement["rate"]) == ("Spot", "1.84")
    assert "Spot pool" in placement["reason"] and "$1.84/h" in placement["reason"]
    others = {item["pool"]: item for item in placement["alternatives"]}
    assert others[three_zones["a"].name]["rate"] == "2.20"
    assert others[world.pool_name("too-small")]["note"] == "NoEligiblePool"
    assert others[world.pool_name("on-demand")]["note"] == "WaitingForSpot"
    assert world.pool_name("other-model") not in others
    assert is_true(status, "Placed") and is_true(status, "Running")
    assert job.nodes_of_pods() == [f"{three_zones['b'].name}-{n}" for n in range(2)]
    assert status["cost"]["rate"] == "1.84"
    assert parse_time(status["eta"]) > now()

    done = job.wait_condition("Complete")
    assert done["phase"] == "Succeeded"
    assert not is_true(done, "Running")
    assert done["cost"]["rate"] == "0.00", "a finished job costs nothing any more"
    hours = (parse_time(done["finishedAt"]) - parse_time(status["cost"]["since"])).seconds / 3600
    assert dollars(done["cost"]["total"]) == pytest.approx(1.84 * hours, abs=1.84 / 3600)
    on_demand = dollars(done["cost"]["onDemandEquivalent"])
    assert on_demand == pytest.approx(6.12 * hours, abs=6.12 / 3600)
    saved = dollars(done["cost"]["saved"])
    assert saved == pytest.approx(on_demand - dollars(done["cost"]["total"]), abs=1e-5)
    assert history.created("Job") == ["train-1"]
    [event] = world.events("train", "Complete")
    assert event["type"] == "Normal"


def test_children_carry_who_pays_and_what_torchrun_needs(world, three_zones):
    job = train_on_the_cheapest(world)
    job.wait_running()
    [child] = job.jobs()
    labels = {
        "app.kubernetes.io/managed-by": "spillway",
        "spillway.dev/training-job": "train",
        "spillway.dev/attempt": "1",
        "spillway.dev/pool": three_zones["b"].name,
        "spillway.dev/tier": "Spot",
        "spillway.dev/team": "vision",
        "spillway.dev/project": "pretrain",
        "spillway.dev/cost-center": "cc-7",
    }
    assert child["metadata"]["name"] == "train-1"
    assert labels.items() <= child["metadata"]["labels"].items()
    assert child["metadata"]["annotations"]["spillway.dev/rate-usd-per-hour"] == "1.84"
    assert child["spec"]["completionMode"] == "Indexed"
    assert child["spec"]["completions"] == child["spec"]["parallelism"] == 2

    pods = job.pods(attempt=1)
    assert len(pods) == 2
    for pod in pods:
        assert labels.items() <= pod["metadata"]["labels"].items()
        assert "rate" not in str(pod["metadata"]["labels"])
        assert pod["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "true"
        variables = environment(pod)
        assert variables["MASTER_ADDR"] == "train-1-0.train-ranks"
        assert variables["WORLD_SIZE"] == variables["PET_NNODES"] == "2"
        rank = variables["RANK"]["fieldRef"]["fieldPath"]
        assert rank == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
        assert pod["spec"]["subdomain"] == "train-ranks"
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        assert limits["nvidia.com/gpu"] == "1"
    ranks = {p["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] for p in pods}
    assert ranks == {"0", "1"}
    assert {pod["spec"]["hostname"] for pod in pods} == {"train-1-0", "train-1-1"}

    [service] = world.services(job.selector)
    assert service["metadata"]["name"] == "train-ranks"
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    uid = job.get()["metadata"]["uid"]
    for owned in (child, service):
        [owner] = owned["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("TrainingJob", uid, True)
    # Kubernetes has bound the pods, not we.
    scheduled = wait_until(lambda: world.events(reason="Scheduled"), WAIT, "the scheduler's events")
    assert {e["reportingController"] for e in scheduled} == {"default-scheduler"}


# A price moves


def test_a_ripple_moves_nothing_and_a_fall_elsewhere_moves_a_running_job(world):
    market = world.open_market(
        {
            ZONE_A: [(0, "0.90"), (30, "0.945"), (60, "2.80")],
            ZONE_B: [(0, "0.94"), (30, "0.90"), (60, "0.60")],
        }
    )
    first = world.pool("spot-a", tier="Spot", zone=ZONE_A, nodes=2)
    second = world.pool("spot-b", tier="Spot", zone=ZONE_B, nodes=2)
    world.start_operator()
    first.wait_price("0.90")
    second.wait_price("0.94")
    history = world.record()
    job = world.train("train", replicas=2, annotations=stops_in(3))
    job.wait_running(first, attempt=1)

    market.jump(30)
    first.wait_price("0.945")
    second.wait_price("0.90")
    wait_until(lambda: seconds_since(job.status["startedAt"]) > 2, WAIT, "minRun to be over")
    world.wait_pass()
    status = job.status
    assert status["placement"]["pool"] == first.name and status["attempt"] == 1
    world.show("after a ripple of five percent")

    market.jump(60)
    status = job.wait_running(second, attempt=2)
    print("reason:", status["placement"]["reason"])
    assert status["restarts"] == 1 and not status.get("restartsCounted")
    assert status["interruptions"]["count"] == 1
    assert status["placement"]["rate"] == "1.20"
    assert history.created("Job") == ["train-1", "train-2"]
    history.assert_one_attempt_at_a_time()
    for change in history.changes():
        print(change)


# A pool does not deliver


def test_a_stocked_out_pool_is_remembered_and_the_next_best_taken(world):
    empty = world.pool("empty", tier="Spot", zone=ZONE_A, fixed="0.50", nodes=0, max_nodes=4)
    second = world.pool("second", tier="Spot", zone=ZONE_B, fixed="0.80", nodes=2)
    third = world.pool("third", tier="Spot", zone=ZONE_C, fixed="1.20", nodes=2)
    world.start_operator()
    history = world.record(TRAINING_JOBS)
    job = world.train("train", replicas=2, launchTimeout="5s")

    def unschedulable():
        """Those of the first attempt; they are there until its time is over, and in the history."""
        found = set()
        for change in history.changes("Pod"):
            scheduled = condition(change.object["status"], "PodScheduled")
            if change.attempt == 1 and scheduled and scheduled["reason"] == "Unschedulable":
                found.add(change.name)
        return len(found) == 2

    wait_until(unschedulable, WAIT, "the pods of the first attempt to be pending")
    status = job.wait_running(second, attempt=2)
    states = [change.object.get("status", {}) for change in history.changes("TrainingJob")]
    ran = {state["attempt"] for state in states if is_true(state, "Running")}
    assert ran == {2}, "the first attempt never ran"
    tried = [state["placement"]["pool"] for state in states if state.get("placement")]
    assert tried[0] == empty.name, "it is the cheapest"
    print("reason:", status["placement"]["reason"])
    world.show("after the launch timeout")
    assert third.name in {item["pool"] for item in status["placement"]["alternatives"]}
    stocked_out = empty.wait(lambda s: s.get("availability") == "StockedOut", "to be stocked out")
    ahead = (parse_time(stocked_out["retryAt"]) - now()).total_seconds()
    assert 60 < ahead <= 120, f"the first retry is two minutes after the failure, not {ahead} s"
    assert stocked_out["stockOut"]["failures"] == 1
    ready = condition(stocked_out, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "StockedOut")
    assert not status.get("restartsCounted"), "a launch timeout is nobody's failure"
    assert wait_until(lambda: world.events("train", "LaunchTimeout"), WAIT, "the event")
    history.assert_one_attempt_at_a_time()

    # Who comes now does not try the empty pool again, and does not wait for it.
    later = world.train("later", launchTimeout="5s")
    later.wait_running(third, attempt=1)


# No capacity


def test_without_capacity_a_job_says_what_is_missing_and_nothing_spins(world, cluster):
    world.pool("small", tier="Spot", zone=ZONE_A, fixed="0.50", nodes=1)
    operator = world.start_operator()
    runs = world.train("runs")
    runs.wait_running(attempt=1)
    full = world.train("full")
    too_large = world.train("too-large", replicas=3)
    no_model = world.train("no-model", model="H900")
    too_dear = world.train("too-dear", maxRate="0.10")

    wanted = {full: "NoCapacity", no_model: "NoEligiblePool", too_dear: "RateLimit"}
    for job, reason in wanted.items():
        job.wait_condition("Placed", "False")
    too_large.wait_condition("Placed", "False")
    for job in (*wanted, too_large):
        placed = job.condition("Placed")
        print(f"{job.name}: {placed['reason']}: {placed['message']}")
        assert job.status["phase"] == "Pending"
        assert not job.jobs()
        [event] = wait_until(lambda j=job: world.events(j.name), WAIT, f"the event of {job.name}")
        assert (event["type"], event["reason"]) == ("Warning", placed["reason"])
    for job, reason in wanted.items():
        assert reason in job.condition("Placed")["reason"]
    assert "H900" in no_model.condition("Placed")["message"]
    assert "$0.10/h" in too_dear.condition("Placed")["message"]
    world.show("no capacity")

    settled(operator)
    mark = operator.mark()
    begin = time.monotonic()
    wait_until(lambda: time.monotonic() - begin >= 20, 25, "20 s to pass")
    asked = cluster.audit.requests(mark, operator.user)
    # What is left of earlier tests goes away in namespaces of its own, and may be tried for meanwhile.
    here = [r for r in asked if r.namespace in ("", world.namespace)]
    others = [r for r in here if r.resource != "leases" and r.verb != "watch"]
    print(f"{len(asked)} requests in 20 s; other than lease and watch: {[str(r) for r in others]}")
    assert not others, "waiting for capacity costs no request"

    world.add_nodes("small", 1)
    world.api.patch(
        f"/apis/spillway.dev/v1alpha1/capacitypools/{world.pool_name('small')}",
        {"spec": {"nodes": {"max": 2}}},
    )
    full.wait_running(attempt=1)
