"""InferencePools and TrainingJobs sleep by schedule, wake by command, and nothing is missed while the operator is away."""

import datetime
import shlex
import subprocess

from cluster import wait_until
from support.programs import built
from support.world import WAIT, condition, now

ZONE = "us-east-1a"
POLICIES = "/apis/spillway.dev/v1alpha1/costpolicies"
FLAGS = ("--leader-elect=false",)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def hours(awake_for, **more):
    """Awake for so many seconds from now on, then asleep for days."""
    far = (now() + datetime.timedelta(days=3)).strftime("%a")
    return {
        "timeZone": "Europe/Berlin",
        "awake": [{"days": [far], "from": "10:00", "to": "10:05"}],
        "exceptUntil": stamp(now() + datetime.timedelta(seconds=awake_for)),
        **more,
    }


def wait_asleep(world, pool):
    pool.wait(lambda status: status.get("awake") is False, "the pool to sleep", 60)
    wait_until(lambda: not pool.pods(), WAIT, "no pod to be left")


def test_a_pool_sleeps_at_the_edge_and_wakes_by_command_whoever_is_away(world):
    world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=2, per_node=4)
    operator = world.start_operator(*FLAGS)
    pool = world.serve("chat", replicas=3, capacity={"spotPercent": 100})
    pool.wait_ready(3)
    schedule = hours(15)
    edge = schedule["exceptUntil"]
    pool.patch({"spec": {"schedule": schedule}})
    status = pool.wait(lambda s: s.get("nextTransition") == edge, "to know when it is to sleep")
    assert status["awake"] is True

    wait_asleep(world, pool)
    assert now() >= datetime.datetime.strptime(edge, "%Y-%m-%dT%H:%M:%SZ").replace(
        tzinfo=datetime.timezone.utc
    )
    status = pool.status
    print("asleep:", status["awakeReason"], "until", status["nextTransition"])
    assert pool.get()["spec"]["replicas"] == 3, "what was asked for stays"
    assert condition(status, "Available")["reason"] == "Asleep"
    assert world.services(pool.selector), "its Service stays"
    world.show("asleep")

    # The command comes while nobody is there to hear it.
    operator.kill()
    until = now() + datetime.timedelta(seconds=45)
    pool.patch(
        {
            "metadata": {
                "annotations": {
                    "spillway.dev/wake-until": stamp(until),
                    "spillway.dev/override-by": "ada",
                }
            }
        }
    )
    operator.start(*FLAGS)
    status = pool.wait_ready(3)
    print("awake:", status["awakeReason"])
    assert "ada" in status["awakeReason"] and status["nextTransition"] == stamp(until)

    # The end of it passes while nobody is there.
    operator.kill()
    wait_until(lambda: now() > until, 60, "the end of what was asked for")
    assert len(pool.pods()) == 3
    operator.start(*FLAGS)
    wait_asleep(world, pool)
    assert pool.get()["spec"]["replicas"] == 3


def test_a_policy_suspends_training_of_its_namespaces_and_shows_what_it_does(world):
    spot = world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=2, per_node=4)
    world.start_operator(*FLAGS)
    world.api.patch(
        f"/api/v1/namespaces/{world.namespace}", {"metadata": {"labels": {"e2e": world.id}}}
    )
    job = world.train("train", replicas=2)
    job.wait_running(spot, attempt=1)
    policy = f"nights-{world.id}"
    manifest = {
        "apiVersion": "spillway.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": policy},
        "spec": {
            "selector": {"namespaces": {"matchLabels": {"e2e": world.id}}},
            "mode": "Audit",
            "offHours": hours(0, training="Suspend"),
        },
    }
    try:
        world.kubectl.apply(manifest)

        def status():
            return world.api.get(f"{POLICIES}/{policy}").get("status", {})

        wait_until(lambda: status().get("asleep"), WAIT, "the policy to count")
        assert status()["selected"]["trainingJobs"] == 1
        assert status()["awake"] is False and status()["nextTransition"]
        assert condition(status(), "Ready")["reason"] == "Audited"
        world.wait_pass()
        assert job.status["phase"] == "Running", "Audit shows and does nothing"

        world.api.patch(f"{POLICIES}/{policy}", {"spec": {"mode": "Enforce"}})
        job.wait(lambda each: each["phase"] == "Suspended", "the job to be suspended", 60)
        wait_until(lambda: not job.pods(), WAIT, "no pod to be left")
        placed = condition(job.status, "Placed")
        print("asleep:", placed["message"])
        assert placed["reason"] == "Asleep" and policy in placed["message"]
        world.show("suspended by the policy")

        world.api.patch(
            f"/api/v1/namespaces/{world.namespace}",
            {
                "metadata": {
                    "annotations": {
                        "spillway.dev/wake-until": stamp(now() + datetime.timedelta(hours=1))
                    }
                }
            },
        )
        job.wait_running(spot, attempt=2)
        assert job.get()["spec"].get("suspend") in (None, False), "the spec is the user's"
    finally:
        world.api.request("DELETE", f"{POLICIES}/{policy}")


def test_without_the_time_zone_database_it_does_not_start_and_says_what_to_install(tmp_path):
    operator = shlex.quote(str(built("spillway-operator")))
    hide = f"mount --bind {shlex.quote(str(tmp_path))} /usr/share/zoneinfo"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{hide} && exec {operator}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    print(done.stderr)
    assert done.returncode == 2
    assert "install the time zone database (package tzdata" in done.stderr


OVERLAPPING = {
    "timeZone": "Europe/Berlin",
    "awake": [
        {"days": ["Mon-Fri"], "from": "08:00", "to": "18:00"},
        {"days": ["Fri"], "from": "10:00", "to": "16:00"},
    ],
}
OVERLAP = "awake[0] (Mon-Fri 08:00-18:00) and awake[1] (Fri 10:00-16:00) overlap on Fri 10:00-16:00"


def test_windows_that_contradict_each_other_are_told_and_stop_nothing_that_runs(world):
    """The API server cannot see it (docs/off-hours.md), and an autoscaler is refused by none of it."""
    world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=2, per_node=4)
    world.start_operator(*FLAGS)
    world.api.patch(
        f"/api/v1/namespaces/{world.namespace}", {"metadata": {"labels": {"e2e": world.id}}}
    )
    chat = world.serve("chat", replicas=2, capacity={"spotPercent": 100})
    chat.wait_ready(2)

    # In a policy: nothing sleeps by it.
    policy = f"nights-{world.id}"
    manifest = {
        "apiVersion": "spillway.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": policy},
        "spec": {
            "selector": {"namespaces": {"matchLabels": {"e2e": world.id}}},
            "mode": "Enforce",
            "offHours": OVERLAPPING,
        },
    }
    try:
        world.kubectl.apply(manifest)
        ready = wait_until(
            lambda: condition(world.api.get(f"{POLICIES}/{policy}").get("status", {}), "Ready"),
            WAIT,
            "the policy to be judged",
        )
        print("policy:", ready["message"])
        assert (ready["status"], ready["reason"]) == ("False", "Invalid")
        assert "nothing sleeps by this policy" in ready["message"] and OVERLAP in ready["message"]
        world.wait_pass()
        assert len(chat.pods()) == 2
    finally:
        world.api.request("DELETE", f"{POLICIES}/{policy}")

    # In a service that runs: it stays awake and says why, and goes on when it is mended.
    chat.patch({"spec": {"schedule": OVERLAPPING}})
    status = chat.wait(lambda s: OVERLAP in s.get("awakeReason", ""), "to say what is wrong")
    print("service:", status["awakeReason"])
    assert status["awake"] is True and len(chat.pods()) == 2
    wait_until(lambda: world.events("chat", "HoursUnreadable"), WAIT, "an event")
    chat.patch_scale(3)
    chat.wait_ready(3)

    # In a new one: it is not begun, and an autoscaler may write what it likes.
    late = world.serve("late", replicas=1, capacity={"spotPercent": 100}, schedule=OVERLAPPING)
    placed = condition(late.wait_condition("Placed", "False", "InvalidSpec"), "Placed")
    print("new service:", placed["message"])
    assert OVERLAP in placed["message"] and "spec.schedule" in placed["message"]
    late.patch_scale(3)
    world.wait_pass()
    assert not late.pods() and late.get()["spec"]["replicas"] == 3
    late.patch({"spec": {"schedule": None}})
    late.wait_ready(3)


def test_who_scales_what_sleeps_is_not_refused_and_finds_its_number_in_the_morning(world):
    world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=2, per_node=4)
    world.start_operator(*FLAGS)
    pool = world.serve(
        "chat", replicas=1, capacity={"baseline": 2, "spotPercent": 100}, schedule=hours(0)
    )
    wait_asleep(world, pool)
    for number in (5, 0, 3):
        pool.patch_scale(number)
    scale = pool.scale()
    assert scale["spec"]["replicas"] == 3 and not scale["status"].get("replicas")
    world.wait_pass()
    assert not pool.pods()
    pool.patch({"spec": {"schedule": None}})
    pool.wait_ready(3)
