"""A model server under load while the node of one of its replicas goes: after a notice no request
fails; without a word those that the dead replica is asked for, until Kubernetes takes it out of the
endpoints and kube-proxy has followed.
"""

import datetime
import time

import pytest

from cluster import wait_until
from support import manifests
from support.load import Load
from support.programs import built
from support.real_world import RealPool
from support.world import Inference

WAIT = 120  # seconds: far above what is needed
PORT = 8000
LOAD_MILLISECONDS = 3000
ANSWER_MILLISECONDS = 200
NOTICE = 60  # seconds
# docs/inference.md states the bound: as long as a kubelet may be silent, and this: until the node
# controller looks, the endpoints follow, and kube-proxy follows them.
AFTER_GRACE = 10  # seconds


@pytest.fixture(scope="session")
def server_image(real_nodes):
    """The name of the model server's image, on every node."""
    program = built("spillway-model-server")
    return real_nodes.load_image("spillway.dev/model-server:1", program)


@pytest.fixture
def pools(world, machines):
    """On-demand on node-a, through which the requests come, and spot on node-b and node-c."""
    on_demand = RealPool(
        world, machines, "on-demand", tier="OnDemand", zone="us-east-1a", fixed="12.00", per_node=3
    )
    on_demand.take("node-a")
    machines.set_accelerators("node-a", 3)
    spot = RealPool(world, machines, "spot", tier="Spot", zone="us-east-1b", fixed="1.00")
    spot.take("node-b", "node-c")
    yield {"on-demand": on_demand, "spot": spot}
    for pool in (on_demand, spot):
        pool.close()


@pytest.fixture
def chat(world, pools, server_image):
    """Three replicas, two of them on spot, ready."""
    world.start_operator()
    manifest = manifests.inference_pool(
        "chat",
        model=world.model,
        replicas=3,
        capacity={"baseline": 1, "spotPercent": 100},
        disruption={"drainSeconds": 15},
        service={"port": 80, "targetPort": PORT},
    )
    container = {
        "name": "server",
        "image": server_image,
        "args": [str(PORT), str(LOAD_MILLISECONDS), str(ANSWER_MILLISECONDS)],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": PORT}, "periodSeconds": 1},
        # It closes its socket at SIGTERM, and kube-proxy may send to it for a moment longer.
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "resources": {"requests": {"cpu": "20m", "memory": "16Mi"}},
    }
    manifest["spec"]["template"] = {
        "spec": {"terminationGracePeriodSeconds": 30, "containers": [container]}
    }
    world.api.create(world.path("inferencepools"), manifest)
    served = Inference(world, "chat")
    served.wait_ready(3, timeout=WAIT)
    return served


@pytest.fixture
def service_address(world, chat):
    services = world.services(chat.selector)
    return next(s["spec"]["clusterIP"] for s in services if s["spec"]["clusterIP"] != "None")


@pytest.fixture
def load(chat, service_address):
    """Twenty requests a second to the address of the Service, from outside the nodes."""
    started = Load(service_address, 80)

    def all_answer():  # those that stood in until spot was ready may have answered before them
        serve = set(serving(chat))
        answered = {request.server for request in started.requests()}
        assert len(serve) == 3 and serve <= answered, (serve, answered)
        return True

    wait_until(all_answer, WAIT, "each of the three to answer")
    yield started
    started.stop()


def serving(chat):
    """Pod -> node of those that are ready and not ending."""
    found = {}
    for pod in chat.pods():
        conditions = pod["status"].get("conditions", [])
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        if ready and "deletionTimestamp" not in pod["metadata"]:
            found[pod["metadata"]["name"]] = pod["spec"]["nodeName"]
    return found


def ready_addresses(world):
    """Of the endpoints of the Service."""
    slices = world.list(
        f"/apis/discovery.k8s.io/v1/namespaces/{world.namespace}/endpointslices",
        "kubernetes.io/service-name=chat",
    )
    endpoints = [endpoint for piece in slices for endpoint in piece.get("endpoints") or []]
    return {a for e in endpoints if e["conditions"]["ready"] for a in e["addresses"]}


def replica_on_spot(chat):
    """(pod, node)"""
    return next((p, n) for p, n in sorted(serving(chat).items()) if n in ("node-b", "node-c"))


def wait_replaced(chat, victim):
    """Until three serve without that node: on-demand stands in while spot has no other."""
    wait_until(
        lambda: len([n for n in serving(chat).values() if n != victim]) == 3,
        WAIT,
        f"three replicas without {victim}",
    )
    return time.monotonic()


def report(kind, requests, since):
    failed = [request for request in requests if request.problem]
    window = failed[-1].began - since if failed else 0.0
    slowest = max(request.seconds for request in requests)
    print(
        f"{kind}: {len(requests)} requests, {len(failed)} failed, the last {window:.1f} s after; "
        f"the slowest took {slowest:.2f} s; problems: {sorted({r.problem for r in failed})}",
        flush=True,
    )
    return failed


def test_a_node_that_goes_after_a_notice_costs_no_request(machines, pools, chat, load):
    leaving, victim = replica_on_spot(chat)
    told = time.monotonic()
    deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=NOTICE)
    machines[victim].announce_interruption(deadline)

    def left():
        names = {pod["metadata"]["name"] for pod in chat.pods()}
        assert leaving not in names, names
        return time.monotonic()

    left_at = wait_until(left, WAIT, f"{leaving} to have left {victim}")
    print(f"the replica had left {left_at - told:.1f} s after a notice of {NOTICE} s")
    assert left_at - told < NOTICE, "it was to be gone before its node"
    pools["spot"].lose(victim)
    replaced_at = wait_replaced(chat, victim)
    wait_until(lambda: len(load.requests(replaced_at)) >= 40, WAIT, "two more seconds of requests")
    requests = load.stop()
    assert leaving in {r.server for r in requests if r.began < told}
    assert not report("with a notice", requests, told)


def test_a_node_that_dies_without_a_word_costs_requests_for_a_bounded_time(
    cluster, world, machines, pools, chat, service_address, load
):
    entrance = machines["node-a"]
    name, victim = replica_on_spot(chat)
    address = next(p["status"]["podIP"] for p in chat.pods() if p["metadata"]["name"] == name)
    assert address in ready_addresses(world)
    assert address in entrance.service_backends(service_address)
    before = len(load.requests())
    cut = time.monotonic()
    pools["spot"].lose_silently(victim)
    wait_until(lambda: address not in ready_addresses(world), WAIT, "it to leave the endpoints")
    out = time.monotonic()
    wait_until(
        lambda: address not in entrance.service_backends(service_address),
        WAIT,
        "it to be forgotten",
    )
    forgotten = time.monotonic()
    replaced_at = wait_replaced(chat, victim)
    wait_until(lambda: len(load.requests(replaced_at)) >= 40, WAIT, "two more seconds of requests")
    requests = load.stop()
    failed = report("without a word", requests, cut)
    in_vain = entrance.unanswered(service_address)
    print(f"asked in vain: {in_vain}; the dead replica was {address}")
    print(f"out of the endpoints at most {out - cut:.1f} s after the power cut")
    print(f"out of the rules of kube-proxy at most {forgotten - out:.1f} s later")
    print(f"three serve again {replaced_at - cut:.1f} s after it, of which 3 s are loading")
    assert before and failed, "the dead replica was never asked: the test shows nothing"
    # What it had in hand is lost with it; before that nothing failed.
    assert not [request for request in failed if request.began + request.seconds < cut]
    # As soon as kube-proxy has heard of it nothing more is sent there.
    assert not [request for request in failed if request.began > forgotten]
    assert in_vain is None or set(in_vain) == {address}, "another was asked in vain"
    assert failed[-1].began - cut <= cluster.lost_node_seconds + AFTER_GRACE
