"""What a person sees who has nothing but kubectl."""

import re

import pytest

ZONE_A, ZONE_B = "us-east-1a", "us-east-1b"


@pytest.fixture
def full_world(world):
    world.open_market({ZONE_A: [(0, "0.918")], ZONE_B: [(0, "1.1016")]})
    reserved = world.pool(
        "reserved", tier="Reserved", zone=ZONE_A, fixed="15.68", nodes=1, per_node=8,
        instance_type="p3.16xlarge", on_demand="24.48",
    )
    spot = world.pool("spot-a", tier="Spot", zone=ZONE_A, nodes=4)
    world.pool("spot-b", tier="Spot", zone=ZONE_B, nodes=4)
    world.pool("on-demand", tier="OnDemand", zone=ZONE_B, fixed="3.06", nodes=2)
    world.start_operator()
    spot.wait_price("0.918")
    world.serve("chat", replicas=2).wait_ready(2)
    world.serve("batch", replicas=4, tiers=["Spot"], capacity={"spotPercent": 100}).wait_ready(4)
    world.train("train", replicas=4, attribution={"team": "vision"}).wait_running()
    world.train("stuck", model="H900").wait_condition("Placed", "False")
    # Counts of a pool follow once a second at most.
    reserved.wait(lambda status: status["accelerators"]["used"] == 6, "to count what is used")
    return world


def table(text):
    """Rows of a kubectl table, as dicts; columns are told by where their headings begin."""
    lines = text.rstrip().splitlines()
    starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", lines[0])]
    ends = [*starts[1:], None]
    headings = [lines[0][a:b].strip() for a, b in zip(starts, ends, strict=True)]
    return [
        {
            heading: line[a:b].strip()
            for heading, a, b in zip(headings, starts, ends, strict=True)
        }
        for line in lines[1:]
    ]


def test_one_command_lists_everything_of_spillway(full_world):
    printed = full_world.kubectl("get", "spillway", f"-n={full_world.namespace}")
    print(printed)
    for name in ("trainingjob.spillway.dev/train", "inferencepool.spillway.dev/chat"):
        assert name in printed
    assert f"capacitypool.spillway.dev/{full_world.pool_name('reserved')}" in printed


def test_training_jobs_say_what_runs_where_at_what_rate(full_world):
    get = ("get", "tj", f"-n={full_world.namespace}")
    printed = full_world.kubectl(*get)
    print(printed)
    rows = {row["NAME"]: row for row in table(printed)}
    train = rows["train"]
    assert list(train) == ["NAME", "PHASE", "POOL", "TIER", "USD/H", "REPLICAS", "WHY", "AGE"]
    assert train["PHASE"] == "Running" and train["TIER"] == "Reserved"
    assert train["POOL"] == full_world.pool_name("reserved")
    assert float(train["USD/H"]) == pytest.approx(7.84)
    assert train["WHY"] == "ReservedBaseline"
    assert (rows["stuck"]["PHASE"], rows["stuck"]["WHY"]) == ("Pending", "NoEligiblePool")
    assert all(len(line) < 120 for line in printed.splitlines()), "one line of a terminal each"

    wide = full_world.kubectl(*get, "-o", "wide")
    print(wide)
    rows = {row["NAME"]: row for row in table(wide)}
    assert rows["train"]["ATTEMPT"] == "1"
    assert rows["train"]["REASON"], "why it is where it is"
    assert rows["stuck"]["REASON"], "why it is not placed"


def test_services_and_pools_say_the_same_in_their_way(full_world):
    printed = full_world.kubectl("get", "ipool", f"-n={full_world.namespace}")
    print(printed)
    rows = {row["NAME"]: row for row in table(printed)}
    assert list(rows["chat"]) == ["NAME", "REPLICAS", "READY", "TIERS", "USD/H", "WHY", "AGE"]
    assert (rows["chat"]["REPLICAS"], rows["chat"]["READY"]) == ("2", "2")
    assert "Reserved" in rows["chat"]["TIERS"] and "Spot" in rows["batch"]["TIERS"]

    printed = full_world.kubectl("get", "cpool", "-o", "wide")
    print(printed)
    rows = {row["NAME"]: row for row in table(printed)}
    reserved = rows[full_world.pool_name("reserved")]
    assert reserved["TIER"] == "Reserved" and reserved["INSTANCE"] == "p3.16xlarge"
    assert (reserved["NODES"], reserved["MAX NODES"]) == ("1", "1")
    assert (reserved["ACCEL USED"], reserved["ACCEL FREE"]) == ("6", "2")
    spot = rows[full_world.pool_name("spot-a")]
    assert (spot["NODE USD/H"], spot["QUALITY"]) == ("0.918", "Live")
    assert spot["AVAILABILITY"] == "Available"


def test_describe_tells_the_story_in_events(full_world):
    printed = full_world.kubectl("describe", "tj", "train", f"-n={full_world.namespace}")
    events = printed[printed.index("Events:") :]
    print(events)
    assert "Placed" in events and "Started" in events
    assert full_world.pool_name("reserved") in events


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("trainingjob", "accelerator work that ends"),
        ("trainingjob.spec.fallbackAfter", "on-demand"),
        ("trainingjob.status.placement.reason", "Why this pool"),
        ("trainingjob.spec.template.spec.containers.image", "string"),
        ("inferencepool.spec.capacity.spotPercent", "percent"),
        ("capacitypool.spec.price.feed", "price feed"),
        ("capacitypool.status.price.quality", "Stale"),
    ],
)
def test_explain_says_what_each_field_means(kubectl, installation, field, words):
    if field.startswith("inferencepool"):
        printed = kubectl("explain", field, "--api-version=spillway.dev/v1alpha1")
    else:
        printed = kubectl("explain", field)
    print(printed)
    assert words in " ".join(printed.split())
