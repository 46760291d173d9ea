"""Observe mode: everything is planned and shown, nothing is done."""

from cluster import wait_until
from support.world import WAIT, condition

ZONE_A, ZONE_B = "us-east-1a", "us-east-1b"


def test_an_observer_shows_what_it_would_do_and_writes_only_status(world):
    world.open_market({ZONE_A: [(0, "0.90")], ZONE_B: [(0, "0.70")]})
    first = world.pool("spot-a", tier="Spot", zone=ZONE_A, nodes=2)
    second = world.pool("spot-b", tier="Spot", zone=ZONE_B, nodes=2)
    world.pool("on-demand", tier="OnDemand", zone=ZONE_A, fixed="3.06", nodes=4)
    operator = world.start_operator("--observe")
    first.wait_price("0.90")
    job = world.train("train", replicas=2)
    status = job.wait(
        lambda s: s.get("placement", {}).get("pool") == second.name, "to show where it would run"
    )
    print("training:", status["placement"]["reason"])
    assert status["placement"]["rate"] == "1.40"
    assert first.name in {item["pool"] for item in status["placement"]["alternatives"]}
    chat = world.serve("chat", replicas=2)
    status = chat.wait(lambda s: s.get("tiers"), "to show where it would run")
    print("inference:", status["summary"], status["reason"])
    assert chat.by_tier(status) == {"OnDemand": 2}
    no_room = world.train("no-room", model="H900")
    status = no_room.wait_condition("Placed", "False")
    print("no room:", condition(status, "Placed")["message"])
    world.show("observed")

    world.wait_pass()
    assert operator.metric("spillway_observe") == 1
    assert not world.jobs() and not world.deployments() and not world.pods()
    assert not world.services() and not world.budgets()
    wait_until(lambda: world.events("train"), WAIT, "an event")
    for write in world.writes():
        assert write.subresource == "status" or write.resource == "events", str(write)


def test_from_observing_to_acting_what_was_shown_comes_true(world):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=2)
    observer = world.start_operator("--observe", instance="observer")
    job = world.train("train", replicas=2)
    shown = job.wait(lambda s: s.get("placement"), "to show where it would run")
    observer.stop()
    world.operator = world.start_operator(instance="operator")
    status = job.wait_running(pool)
    assert status["placement"]["pool"] == shown["placement"]["pool"]
    # What an observer shows runs, as far as it is told: only the child says that it is true now.
    wait_until(
        lambda: (
            [child["metadata"]["name"] for child in job.jobs()] == [f"train-{status['attempt']}"]
        ),
        WAIT,
        "the attempt that was shown to be the one that runs",
    )
