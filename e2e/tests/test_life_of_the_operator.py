"""The operator is killed, doubled, told to end: nothing is lost, nothing is there twice."""

import datetime
import os
import random
import time

from cluster import wait_until
from support.manifests import runs_for
from support.quiet import settled
from support.world import WAIT, parse_time

ZONE_A, ZONE_B = "us-east-1a", "us-east-1b"
KILLS = 12
JOBS = 16


def leader_of(*operators):
    """The one that leads; None while nobody does. Never two."""
    leading = [
        operator
        for operator in operators
        if operator.process.pid and operator.metric("spillway_leader") == 1
    ]
    assert len(leading) < 2, "two lead at once"
    return leading[0] if leading else None


def wait_leader(*operators):
    return wait_until(lambda: leader_of(*operators), WAIT, "one operator to lead")


def lease(world):
    """What the Lease says, and for how long it holds after it was renewed."""
    path = "/apis/coordination.k8s.io/v1/leases"
    [found] = world.api.get(f"{path}?fieldSelector=metadata.name=spillway-operator")["items"]
    return found["spec"], datetime.timedelta(seconds=found["spec"]["leaseDurationSeconds"])


def test_killed_again_and_again_it_makes_exactly_the_children_that_are_due(world):
    seed = int(os.environ.get("SPILLWAY_SEED", random.SystemRandom().randrange(2**32)))
    print(f"SPILLWAY_SEED={seed}")
    chance = random.Random(seed)
    # Every kill leaves a lease behind that nobody gives back; leading is tested below.
    flags = ("--leader-elect=false",)
    world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=4, per_node=4)
    world.pool("second", tier="Spot", zone=ZONE_B, fixed="1.00", nodes=4, per_node=4)
    operator = world.start_operator(*flags, wait_ready=False)
    history = world.record()
    chat = world.serve("chat", replicas=4, capacity={"spotPercent": 100})
    names = [f"job-{number}" for number in range(JOBS)]
    left = list(names)
    for kill in range(KILLS):
        for _ in range(chance.randrange(3)):
            if left:
                name = left.pop()
                world.train(name, annotations=runs_for(chance.randrange(1, 6)))
        if kill == KILLS // 2:
            chat.patch_scale(6)
        pause = chance.uniform(0.02, 0.8)
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() - begin >= pause, 5, "the moment of the kill", 0.005)
        operator.kill()
        operator.start(*flags, wait_ready=False)
    for name in left:
        world.train(name, annotations=runs_for(2))
    for name in names:
        world.training(name).wait_condition("Complete", timeout=60)
    chat.wait_ready(6)

    created = history.created("Job")
    attempts = {name: created.count(f"{name}-1") for name in names}
    print(f"{KILLS} kills, {len(created)} Jobs created for {JOBS} TrainingJobs")
    assert sorted(created) == sorted(f"{name}-1" for name in names), f"not once each: {attempts}"
    assert len(chat.deployments()) == sum(1 for _ in chat.status["tiers"])
    services = [service["metadata"]["name"] for service in world.services()]
    assert sorted(services) == sorted(["chat", *(f"{name}-ranks" for name in names)])
    history.assert_one_attempt_at_a_time()
    settled(operator)
    mark = operator.mark()
    operator.kill()
    operator.start(*flags)
    wait_until(
        lambda: operator.metric("spillway_passes_total"), WAIT, "a pass after the last start"
    )
    world.wait_pass()
    assert not world.writes(mark), "what is there is what is due"


def test_of_two_operators_one_leads_and_the_other_takes_over(world):
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=6)
    first = world.start_operator(instance="first")
    wait_leader(first)
    second = world.start_operator(instance="second")
    wait_until(second.ready, WAIT, "the standby to be ready")
    assert leader_of(first, second) is first
    history = world.record()
    world.train("one", replicas=2).wait_running(pool, attempt=1)
    assert second.metric("spillway_passes_total") == 0, "a standby decides nothing"

    first.kill()
    left, duration = lease(world)
    world.train("two", replicas=2)
    assert wait_leader(first, second) is second
    taken, _ = lease(world)
    waited = parse_time(taken["acquireTime"]) - parse_time(left["renewTime"])
    print(f"after kill -9 the other leads {waited} after the last sign of life")
    assert duration <= waited < 2 * duration, "as soon as the lease has run out, and not before"
    world.training("two").wait_running(pool, attempt=1)
    assert world.training("one").status["attempt"] == 1

    first.start()
    left, duration = lease(world)
    second.stop()
    assert wait_leader(first, second) is first
    taken, _ = lease(world)
    waited = parse_time(taken["acquireTime"]) - parse_time(left["renewTime"])
    print(f"after SIGTERM the other leads {waited} after the last sign of life")
    assert waited < duration, "it was given back: nobody waited for it to run out"
    world.operator = first
    world.train("three", replicas=2).wait_running(pool, attempt=1)
    assert history.created("Job") == ["one-1", "two-1", "three-1"]
    history.assert_one_attempt_at_a_time()


def test_a_paused_leader_that_wakes_up_writes_nothing(world):
    """The zombie: stopped for longer than its lease, then running again beside its successor."""
    pool = world.pool("spot", tier="Spot", zone=ZONE_A, fixed="0.90", nodes=6)
    zombie = world.start_operator(instance="zombie")
    wait_leader(zombie)
    heir = world.start_operator(instance="heir")
    world.train("one").wait_running(pool, attempt=1)
    zombie.process.pause()
    wait_until(lambda: heir.metric("spillway_leader") == 1, WAIT, "the other to lead")
    history = world.record()
    zombie.process.resume()
    assert zombie.process.wait(timeout=20), "who lost the lead ends, to start again as a standby"
    assert zombie.process.exit_code == 1
    world.operator = heir
    world.train("two").wait_running(pool, attempt=1)
    assert history.created("Job") == ["two-1"]
    zombie.forget()
