"""Inference over the tiers: what an autoscaler writes, who gets the reserved baseline, what serves."""

import datetime
import time

from cluster import wait_until
from support.world import WAIT, condition, is_true

ZONE_A, ZONE_B = "us-east-1a", "us-east-1b"


def endpoints(world, service):
    """Addresses of the Service that take traffic."""
    slices = world.list(
        f"/apis/discovery.k8s.io/v1/namespaces/{world.namespace}/endpointslices",
        f"kubernetes.io/service-name={service}",
    )
    return {
        address
        for piece in slices
        for endpoint in piece.get("endpoints") or []
        if endpoint["conditions"]["ready"]
        for address in endpoint["addresses"]
    }


def replicas_by_pool(inference):
    return {
        deployment["metadata"]["labels"]["spillway.dev/pool"]: deployment["spec"]["replicas"]
        for deployment in inference.deployments()
    }


def test_a_scale_up_takes_the_baseline_from_training_and_a_scale_down_gives_it_back(world):
    reserved = world.pool(
        "reserved",
        tier="Reserved",
        zone=ZONE_A,
        fixed="15.68",
        nodes=1,
        per_node=8,
        instance_type="p3.16xlarge",
        on_demand="24.48",
    )
    spot = world.pool("spot", tier="Spot", zone=ZONE_B, fixed="0.90", nodes=4)
    world.pool("on-demand", tier="OnDemand", zone=ZONE_B, fixed="3.06", nodes=4)
    world.start_operator()
    history = world.record()

    chat = world.serve("chat", replicas=2)
    chat.wait_ready(2)
    job = world.train("train", replicas=4, tiers=["Reserved", "Spot"])
    status = job.wait_running(reserved, attempt=1)
    assert status["cost"]["rate"] == "7.84", "four of eight accelerators of 15.68 dollars an hour"
    world.show("training soaks up what inference leaves idle")

    world.kubectl(
        "scale", "inferencepool.spillway.dev/chat", "--replicas=6", f"-n={world.namespace}"
    )
    status = job.wait_running(spot, attempt=2)
    print("training:", status["placement"]["reason"])
    assert status["restarts"] == 1 and not status.get("restartsCounted")
    status = chat.wait_ready(6)
    print("inference:", status["reason"])
    assert status["tiers"] == [status["tiers"][0]]
    assert (status["tiers"][0]["pool"], status["tiers"][0]["desired"]) == (reserved.name, 6)
    assert replicas_by_pool(chat) == {reserved.name: 6}
    displaced = wait_until(lambda: world.events("train", "Displaced"), WAIT, "the event")
    print("event:", displaced[0]["note"])
    assert "chat" in displaced[0]["note"], "it says to whom"
    wait_until(lambda: len(endpoints(world, "chat")) == 6, WAIT, "six endpoints of the Service")
    world.show("inference has scaled up")

    answer = chat.patch_scale(2)
    assert answer["spec"]["replicas"] == 2
    assert answer["status"]["selector"] == "spillway.dev/inference-pool=chat"
    chat.wait_ready(2)
    wait_until(lambda: chat.scale()["status"]["replicas"] == 2, WAIT, "scale to show two replicas")
    status = job.wait_running(reserved, attempt=3)
    print("training:", status["placement"]["reason"])
    world.show("inference has scaled down")
    assert history.created("Job") == ["train-1", "train-2", "train-3"]
    history.assert_one_attempt_at_a_time()


def test_a_share_of_the_replicas_is_on_spot_and_one_service_stands_before_all(world):
    reserved = world.pool("reserved", tier="Reserved", zone=ZONE_A, fixed="2.00", nodes=4)
    spot_a = world.pool("spot-a", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4)
    spot_b = world.pool("spot-b", tier="Spot", zone=ZONE_B, fixed="0.92", nodes=4)
    on_demand = world.pool("on-demand", tier="OnDemand", zone=ZONE_A, fixed="3.06", nodes=4)
    world.start_operator()
    batch = world.serve(
        "batch",
        replicas=10,
        capacity={"baseline": 2, "spotPercent": 50},
        disruption={"minAvailable": "50%"},
        attribution={"team": "search"},
    )
    status = batch.wait_ready(10)
    world.show("half of what is above the baseline is on spot")
    print("reason:", status["reason"])
    shares = batch.by_tier(status)
    assert shares["Spot"] == 4, "half of the eight above the baseline"
    assert shares["Reserved"] == 4, "what is owned is used before anything is bought"
    assert shares["OnDemand"] == 2
    spread = {tier["pool"]: tier["desired"] for tier in status["tiers"]}
    assert spread[spot_a.name] == spread[spot_b.name] == 2, "near-equal prices: one zone's bad hour"
    assert replicas_by_pool(batch) == spread
    assert is_true(status, "Available") and is_true(status, "Placed")

    by_pool = {}
    for pod in batch.pods():
        labels = pod["metadata"]["labels"]
        assert labels["spillway.dev/team"] == "search"
        assert pod["spec"]["nodeName"].startswith(labels["spillway.dev/pool"])
        by_pool[labels["spillway.dev/pool"]] = by_pool.get(labels["spillway.dev/pool"], 0) + 1
    assert by_pool == {reserved.name: 4, spot_a.name: 2, spot_b.name: 2, on_demand.name: 2}

    wait_until(lambda: len(endpoints(world, "batch")) == 10, WAIT, "ten endpoints of one Service")
    [service] = world.services(batch.selector)
    assert service["spec"]["ports"][0]["port"] == 80
    assert service["spec"]["ports"][0]["targetPort"] == 8000
    [budget] = world.budgets()
    assert budget["spec"]["minAvailable"] == "50%"
    disruptions = wait_until(
        lambda: world.budgets()[0]["status"]["disruptionsAllowed"], WAIT, "the budget to be counted"
    )
    assert disruptions == 5

    status = batch.wait(lambda s: s["cost"]["rate"] == "17.76", "to cost its tiers")
    print("4 x 2.00 + 2 x 0.90 + 2 x 0.92 + 2 x 3.06 =", status["cost"]["rate"])


def test_a_baseline_above_the_replicas_is_clamped_and_never_refuses_an_autoscaler(world):
    world.pool("on-demand", tier="OnDemand", zone=ZONE_A, fixed="3.06", nodes=4)
    world.start_operator()
    chat = world.serve("chat", replicas=4, capacity={"baseline": 3})
    chat.wait_ready(4)
    assert chat.condition("Clamped") is None

    chat.patch_scale(1)
    status = chat.wait_condition("Clamped")
    clamped = condition(status, "Clamped")
    print(clamped["reason"], clamped["message"])
    assert clamped["reason"] == "BaselineAboveReplicas"
    assert "3" in clamped["message"] and "1 replica" in clamped["message"]
    chat.wait_ready(1)

    chat.patch_scale(0)
    chat.wait(lambda s: s.get("replicas", 0) == 0 and not s.get("tiers"), "to have scaled to zero")
    wait_until(lambda: not chat.pods(), WAIT, "the pods to be gone")
    chat.patch_scale(4)
    status = chat.wait_ready(4)
    assert condition(status, "Clamped")["status"] == "False"


def test_replicas_without_room_are_said_to_be_missing_and_placed_when_there_is(world):
    world.pool("on-demand", tier="OnDemand", zone=ZONE_A, fixed="3.06", nodes=2, max_nodes=2)
    world.start_operator()
    chat = world.serve("chat", replicas=3)
    status = chat.wait_condition("Placed", "False")
    chat.wait(lambda s: s.get("readyReplicas") == 2, "to serve with what there is")
    placed = condition(status, "Placed")
    print(placed["reason"], placed["message"])
    assert "1" in placed["message"]
    assert wait_until(lambda: world.events("chat"), WAIT, "an event")

    world.pool("more", tier="OnDemand", zone=ZONE_B, fixed="3.20", nodes=1)
    chat.wait_condition("Placed")
    chat.wait_ready(3)


def ready(inference):
    """Pods that serve and are not on their way out."""
    return sum(
        is_true(pod["status"], "Ready") and "deletionTimestamp" not in pod["metadata"]
        for pod in inference.pods()
    )


def test_a_service_that_moves_goes_on_serving_with_all_its_replicas(world):
    market = world.open_market(
        {ZONE_A: [(0, "0.90"), (60, "2.80")], ZONE_B: [(0, "1.10"), (60, "0.60")]}
    )
    first = world.pool("spot-a", tier="Spot", zone=ZONE_A, nodes=4)
    second = world.pool("spot-b", tier="Spot", zone=ZONE_B, nodes=4)
    world.start_operator()
    first.wait_price("0.90")
    second.wait_price("1.10")
    # A server that needs time to load its model.
    slow = {"simulate.spillway.dev/start-seconds": "3"}
    chat = world.serve("chat", replicas=4, capacity={"spotPercent": 100}, annotations=slow)
    chat.wait_ready(4)
    market.jump(60)
    begin = time.monotonic()
    seen = []

    def moved():
        count = ready(chat)
        if not seen or seen[-1][1] != count:
            seen.append((round(time.monotonic() - begin, 1), count))
        return replicas_by_pool(chat) == {second.name: 4} and count == 4

    wait_until(moved, 60, "all replicas to be on the pool that is cheap now")
    print("(seconds, replicas that serve):", seen)
    assert min(count for _, count in seen) >= 4, "the new ones serve before the old ones go"
    chat.wait_ready(4)


def test_a_deleted_pool_takes_no_replica_with_it_before_another_serves(world):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=3)
    world.start_operator()
    chat = world.serve("chat", replicas=2, capacity={"spotPercent": 100})
    chat.wait_ready(2)
    before = {pod["metadata"]["uid"] for pod in chat.pods()}
    pool.delete()
    world.pool("small", tier="Spot", zone=ZONE_B, fixed="1.90", nodes=1)
    chat.wait(lambda s: "without a place" in s.get("reason", ""), "to miss the pool")
    world.wait_pass()
    print(chat.status["reason"], replicas_by_pool(chat))
    after = {
        pod["metadata"]["uid"] for pod in chat.pods() if "deletionTimestamp" not in pod["metadata"]
    }
    assert before <= after
    assert not any(event["note"].startswith(":") for event in world.events("chat"))


def give_notice(world, node, seconds):
    """What the node agent writes when the cloud says that the machine goes."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    world.api.patch(
        f"/api/v1/nodes/{node}",
        {
            "metadata": {
                "annotations": {
                    "spillway.dev/interruption-deadline": end.strftime("%Y-%m-%dT%H:%M:%SZ")
                }
            },
            "spec": {
                "taints": [
                    {
                        "key": "spillway.dev/interruption",
                        "value": "interruption",
                        "effect": "NoSchedule",
                    }
                ]
            },
        },
    )


def test_a_replica_whose_node_is_about_to_go_serves_until_another_does(world):
    spot_a = world.pool("spot-a", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=1)
    spot_b = world.pool("spot-b", tier="Spot", zone=ZONE_B, fixed="0.92", nodes=2)
    world.pool("on-demand", tier="OnDemand", zone=ZONE_B, fixed="3.06", nodes=1)
    world.start_operator()
    slow = {"simulate.spillway.dev/start-seconds": "3"}
    chat = world.serve(
        "chat",
        replicas=2,
        capacity={"spotPercent": 100},
        disruption={"drainSeconds": 20},
        annotations=slow,
    )
    chat.wait_ready(2)
    assert replicas_by_pool(chat) == {spot_a.name: 1, spot_b.name: 1}
    [leaving] = [
        pod for pod in chat.pods() if pod["metadata"]["labels"]["spillway.dev/pool"] == spot_a.name
    ]
    node = leaving["spec"]["nodeName"]

    give_notice(world, node, 120)
    least = []

    def replaced():
        least.append(ready(chat))
        there = {pod["spec"].get("nodeName") for pod in chat.pods()}
        return node not in there and replicas_by_pool(chat) == {spot_b.name: 2}

    wait_until(replaced, 60, "the replica to be on another node")
    status = chat.wait_ready(2)
    print("replicas that serve:", sorted(set(least)), status["reason"])
    assert min(least) >= 2, "the new one serves before the old one goes"
    assert not any(tier.get("leaving") for tier in status["tiers"])
    assert wait_until(lambda: world.events("chat", "CapacityLeaving"), WAIT, "the event")


GATEWAY_POOLS = "inferencepools.inference.networking.k8s.io"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def gateway_definition():
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": GATEWAY_POOLS,
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": "inference.networking.k8s.io",
            "scope": "Namespaced",
            "names": {
                "kind": "InferencePool",
                "listKind": "InferencePoolList",
                "plural": "inferencepools",
                "singular": "inferencepool",
            },
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": True,
                        }
                    },
                }
            ],
        },
    }


def test_the_gateways_pool_is_kept_in_step_and_missed_where_its_kind_is_unknown(world):
    world.pool("on-demand", tier="OnDemand", zone=ZONE_A, fixed="3.06", nodes=1)
    world.start_operator()
    chat = world.serve(
        "chat",
        replicas=1,
        service={"port": 80, "targetPort": 8000},
        gateway={"endpointPicker": {"name": "picker"}},
    )
    chat.wait_ready(1)
    status = chat.wait_condition("GatewayPool", "False")
    missing = condition(status, "GatewayPool")
    print(missing["reason"], missing["message"])
    assert "inference.networking.k8s.io/v1" in missing["message"] and "CRD" in missing["message"]
    assert is_true(status, "Available"), "all else works"

    path = f"/apis/inference.networking.k8s.io/v1/namespaces/{world.namespace}/inferencepools"
    world.api.create(DEFINITIONS, gateway_definition())
    try:
        chat.wait_condition("GatewayPool", timeout=60)
        made = world.api.get(f"{path}/chat")
        assert made["spec"]["selector"] == {"matchLabels": {"spillway.dev/inference-pool": "chat"}}
        assert made["spec"]["targetPorts"] == [{"number": 8000}]
        assert made["spec"]["endpointPickerRef"]["port"] == {"number": 9002}
        assert made["metadata"]["ownerReferences"][0]["kind"] == "InferencePool"

        uid = made["metadata"]["uid"]
        world.api.delete(f"{path}/chat")
        wait_until(
            lambda: any(item["metadata"]["uid"] != uid for item in world.list(path)),
            WAIT,
            "what somebody deleted to be there again",
        )
        world.api.patch(chat.path, {"spec": {"gateway": None}})
        wait_until(lambda: not world.list(path), WAIT, "the gateway's pool to be taken away")
        wait_until(lambda: chat.condition("GatewayPool") is None, WAIT, "the condition to go")
    finally:
        world.api.delete(f"{DEFINITIONS}/{GATEWAY_POOLS}")
