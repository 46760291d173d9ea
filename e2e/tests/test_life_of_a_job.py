"""Suspending, deadlines, falling back: what a user may ask of one job."""

import datetime

from cluster import wait_until
from support.world import WAIT, condition, now

ZONE_A, ZONE_B = "us-east-1a", "us-east-1b"


def in_minutes(minutes):
    return (now() + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_suspended_job_gives_everything_back_and_goes_on_as_the_next_attempt(world):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=2)
    world.start_operator()
    history = world.record()
    job = world.train("train", replicas=2)
    job.wait_running(pool, attempt=1)

    job.patch({"spec": {"suspend": True}})
    status = job.wait(lambda s: s.get("phase") == "Suspended", "to be suspended")
    wait_until(lambda: not job.pods(), WAIT, "its pods to be gone")
    placed = condition(status, "Placed")
    print(placed["reason"], placed["message"])
    assert (placed["status"], placed["reason"]) == ("False", "Suspended")
    assert "placement" not in status and status["cost"]["rate"] == "0.00"
    assert not status.get("interruptions", {}).get("count"), "it was asked for"
    other = world.train("other", replicas=2)
    other.wait_running(pool, attempt=1)
    other.delete()

    job.patch({"spec": {"suspend": False}})
    status = job.wait_running(pool, attempt=2)
    assert status["restarts"] == 1 and not status.get("restartsCounted")
    assert history.created("Job") == ["train-1", "other-1", "train-2"]
    history.assert_one_attempt_at_a_time()


def test_a_job_that_is_created_suspended_starts_nothing(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=2)
    world.start_operator()
    job = world.train("train", suspend=True)
    job.wait(lambda s: s.get("phase") == "Suspended", "to be suspended")
    world.wait_pass()
    assert not job.jobs() and not world.services()
    job.patch({"spec": {"suspend": False}})
    job.wait_running(attempt=1)


def test_a_deadline_takes_on_demand_in_time_and_no_deadline_waits_for_spot(world):
    spot = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=1)
    on_demand = world.pool("on-demand", tier="OnDemand", zone=ZONE_B, fixed="3.06", nodes=3)
    world.start_operator(placement={"restartDelay": "3s"})
    quick = {"duration": "5m", "launchTimeout": "5s"}

    # Time enough for a whole attempt on spot and one after it: spot.
    ample = world.train("ample", **quick, deadline=in_minutes(120))
    status = ample.wait_running(spot, attempt=1)
    print("ample:", status["placement"]["reason"])

    # Time for one attempt only: not on what can be taken away, although it is cheaper.
    tight = world.train("tight", **quick, deadline=in_minutes(6))
    status = tight.wait_running(on_demand, attempt=1)
    print("tight:", status["placement"]["reason"])
    assert "deadline" in status["placement"]["reason"].lower()

    # Spot is taken. Whoever has time waits for it; whoever has a deadline waits a moment.
    patient = world.train("patient", **quick)
    status = patient.wait_condition("Placed", "False")
    print("patient:", condition(status, "Placed")["message"])
    assert condition(status, "Placed")["reason"] == "WaitingForSpot"
    behind = world.train("behind", **quick, deadline=in_minutes(60))
    status = behind.wait_running(on_demand, attempt=1)
    print("behind:", status["placement"]["reason"])
    assert patient.status["phase"] == "Pending"
    world.show("deadlines")


def test_spot_that_is_not_to_be_had_is_waited_for_as_long_as_asked(world):
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=1)
    on_demand = world.pool("on-demand", tier="OnDemand", zone=ZONE_B, fixed="3.06", nodes=1)
    world.start_operator()
    world.train("first").wait_running(attempt=1)
    second = world.train("second", fallbackAfter="4s")
    status = second.wait_condition("Placed", "False")
    assert condition(status, "Placed")["reason"] == "WaitingForSpot"
    status = second.wait_running(on_demand, attempt=1)
    print(status["placement"]["reason"])
    assert condition(status, "Placed")["reason"] == "FallbackToOnDemand"
    waited = condition(status, "Placed")["lastTransitionTime"]
    created = second.get()["metadata"]["creationTimestamp"]
    seconds = (
        datetime.datetime.fromisoformat(waited.replace("Z", "+00:00"))
        - datetime.datetime.fromisoformat(created.replace("Z", "+00:00"))
    ).total_seconds()
    assert 4 <= seconds <= 8, f"it waited {seconds} s"


def test_a_job_prefers_faster_models_only_as_far_as_they_pay(world):
    """Half the speed for less than half the price is cheaper; the placement says which model."""
    fast = world.pool("fast", tier="OnDemand", zone=ZONE_A, fixed="3.00", nodes=1)
    slow_model = f"{world.model}-slow"
    slow = world.pool("slow", tier="OnDemand", zone=ZONE_A, fixed="1.00", nodes=1, model=slow_model)
    world.start_operator()
    models = [{"name": world.model}, {"name": slow_model, "speedPercent": 50}]
    accelerator = {"models": models, "perReplica": 1}
    first = world.train("first", accelerator=accelerator, fallbackAfter="0s")
    first.wait_running(slow, attempt=1)
    second = world.train("second", accelerator=accelerator, fallbackAfter="0s")
    second.wait_running(fast, attempt=1)
