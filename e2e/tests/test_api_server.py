"""The API server goes away, stops answering, loses a kind: the operator goes on where it was."""

import time

from cluster import wait_until
from support.installation import wait_established
from support.world import WAIT, is_true

ZONE_A = "us-east-1a"
# What a client may say at level error when its server is gone.
UNREACHABLE = r"(?i)connect|refused|reset|closed|timed? ?out|unavailable|api server|end of"


def expected_jobs(world, *names):
    """The Jobs of the namespace are exactly these."""
    found = sorted(job["metadata"]["name"] for job in world.jobs())
    return found == sorted(names)


def test_a_restart_of_the_api_server_doubles_and_loses_nothing(world, cluster):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=6)
    operator = world.start_operator()
    before = world.train("before", replicas=2)
    before.wait_running(pool, attempt=1)
    chat = world.serve("chat", replicas=2, capacity={"spotPercent": 100})
    chat.wait_ready(2)
    uids = {job["metadata"]["uid"] for job in world.jobs()}
    world.train("caught", replicas=1)  # may or may not have its Job when the server dies

    cluster.kill("kube-apiserver")
    assert operator.process.pid, "the operator outlives its API server"
    cluster.restart("kube-apiserver")
    caught = world.training("caught")
    caught.wait_running(pool, attempt=1, timeout=60)
    after = world.train("after", replicas=1)
    after.wait_running(pool, attempt=1, timeout=60)
    status = before.status
    assert status["phase"] == "Running" and status["attempt"] == 1
    assert expected_jobs(world, "before-1", "caught-1", "after-1")
    assert uids < {job["metadata"]["uid"] for job in world.jobs()}
    chat.wait_ready(2)
    assert len(chat.deployments()) == 1
    assert operator.process.pid, "it did not have to be restarted"
    reconnects = operator.metric("spillway_api_watch_reconnects_total")
    relists = operator.metric("spillway_api_relists_total")
    print(f"{reconnects} watches were opened again, {relists} complete lists were read")
    world.show("after the restart")


def test_an_api_server_that_does_not_answer_costs_leadership_and_nothing_else(world, cluster):
    """A paused server: connections stay open, and nobody says that they are dead."""
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    operator = world.start_operator()
    before = world.train("before", replicas=2)
    before.wait_running(pool, attempt=1)

    cluster.pause("kube-apiserver")
    try:
        # The lease cannot be renewed: within its time the operator ends itself, as the fence asks.
        assert operator.process.wait(timeout=30), "it should give up the lead by itself"
    finally:
        cluster.resume("kube-apiserver")
    print(operator.process.log_tail(5))
    assert operator.process.exit_code == 1
    operator.expect_errors(UNREACHABLE)
    wait_until(
        lambda: cluster.api.request("GET", "/readyz")[0] == 200, WAIT, "the API server to answer"
    )
    operator.start()  # as the kubelet does
    after = world.train("after", replicas=2)
    after.wait_running(pool, attempt=1, timeout=60)
    assert before.status["attempt"] == 1 and is_true(before.status, "Running")
    assert expected_jobs(world, "before-1", "after-1")


def test_a_short_silence_of_the_api_server_is_survived(world, cluster):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    operator = world.start_operator()
    pid = operator.process.pid
    before = world.train("before")
    before.wait_running(pool, attempt=1)
    renewals = lease_renewals(operator)
    cluster.pause("kube-apiserver")
    try:
        # At least one renewal is under way and unanswered; that is well within its deadline.
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() - begin >= 4, 10, "four seconds of silence")
    finally:
        cluster.resume("kube-apiserver")
    after = world.train("after")
    after.wait_running(pool, attempt=1, timeout=60)
    wait_until(lambda: lease_renewals(operator) > renewals, WAIT, "the lease to be renewed again")
    assert operator.process.pid == pid and operator.metric("spillway_leader") == 1
    assert expected_jobs(world, "before-1", "after-1")


def lease_renewals(operator):
    leases = {"resource": "leases.coordination.k8s.io", "code": "200"}
    return operator.metric("spillway_api_requests_total", **leases)


def test_a_kind_that_is_removed_and_installed_again_is_served_again(world, kubectl, installation):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    operator = world.start_operator()
    chat = world.serve("chat", replicas=1, capacity={"spotPercent": 100})
    chat.wait_ready(1)
    world.train("before").wait_running(pool, attempt=1)
    crd = kubectl.json("get", "crd", "trainingjobs.spillway.dev")

    kubectl("delete", "crd", "trainingjobs.spillway.dev", "--timeout=60s", timeout=90)
    wait_until(lambda: not world.jobs(), 60, "the children of the jobs to be collected")
    # The others are served meanwhile: a missing kind is no reason to forget the world.
    chat.patch_scale(2)
    chat.wait_ready(2)
    assert operator.process.pid

    for field in ("creationTimestamp", "resourceVersion", "uid", "generation", "managedFields"):
        crd["metadata"].pop(field, None)
    crd.pop("status")
    kubectl.apply(crd, "--server-side")
    wait_established(kubectl, "crd/trainingjobs.spillway.dev")
    after = wait_until(lambda: world.train("after"), WAIT, "the kind to be served again")
    after.wait_running(pool, attempt=1, timeout=90)
    assert expected_jobs(world, "after-1")
    operator.expect_errors(r"trainingjobs")
