"""`kubectl spillway wake`, `sleep` and `schedule` on a live cluster, by a user who may do no more than
that: services go to zero and come back, whoever is away when it is asked for.
"""

from datetime import timedelta

import pytest

from cluster import wait_until
from support.plugin import role_of_the_manual
from support.world import condition, now, parse_time

ZONE = "us-east-1a"
POLICIES = "/apis/spillway.dev/v1alpha1/costpolicies"
FLAGS = ("--leader-elect=false",)
DAYS = 14  # that `schedule` is asked for


@pytest.fixture
def ada(installation, start_plugin):
    """She may wake and put to sleep (docs/cli.md), and nothing else."""
    return start_plugin("ada", role_of_the_manual("spillway-waker"))


@pytest.fixture
def nights(world):
    """A CostPolicy under which the namespace sleeps but for five minutes on a day of each week."""
    name = f"nights-{world.id}"
    labels = {"metadata": {"labels": {"e2e": world.id}}}
    world.api.patch(f"/api/v1/namespaces/{world.namespace}", labels)
    day = (now() + timedelta(days=3)).strftime("%a")
    manifest = {
        "apiVersion": "spillway.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": name},
        "spec": {
            "selector": {"namespaces": {"matchLabels": {"e2e": world.id}}},
            "mode": "Enforce",
            "offHours": {
                "timeZone": "Europe/Berlin",
                "awake": [{"days": [day], "from": "10:00", "to": "10:05"}],
            },
        },
    }
    world.kubectl.apply(manifest)
    yield name
    world.api.request("DELETE", f"{POLICIES}/{name}")


def wait_awake(world, pool, replicas):
    status = pool.wait(
        lambda s: s.get("awake") is True and s.get("readyReplicas") == replicas,
        f"to be awake with {replicas} replicas",
    )
    assert condition(status, "Available")["status"] == "True"
    return status["awakeReason"]


def wait_asleep(world, pool):
    status = pool.wait(lambda s: s.get("awake") is False, "to sleep")
    wait_until(lambda: not pool.pods(), 60, f"no pod of {pool.name} to be left")
    assert condition(status, "Available")["reason"] == "Asleep"
    return status["awakeReason"]


def annotations(path, world):
    found = world.api.get(path)["metadata"].get("annotations", {})
    return {key: value for key, value in found.items() if key.startswith("spillway.dev/")}


def test_services_go_to_zero_and_come_back_by_command_and_status_says_who_asked(world, nights, ada):
    world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=2, per_node=4)
    operator = world.start_operator(*FLAGS)
    chat = world.serve("chat", replicas=2, capacity={"spotPercent": 100})
    embed = world.serve("embed", replicas=1, capacity={"spotPercent": 100})
    here = f"--namespace={world.namespace}"
    for pool in (chat, embed):
        assert nights in wait_asleep(world, pool)

    # One service, for as long as is asked for, in spite of the policy.
    asked = now()
    woken = ada("wake", "ipool/chat", here, "--for", "3h")
    assert woken.code == 0 and f"ipool {world.namespace}/chat is awake until" in woken.out
    reason = wait_awake(world, chat, 2)
    print("awake:", reason)
    assert "ada" in reason
    until = parse_time(chat.status["nextTransition"])
    assert timedelta(hours=3) <= until - asked < timedelta(hours=3, minutes=1)
    assert embed.status["awake"] is False

    # It is put to sleep while nobody is there to hear it.
    operator.kill()
    slept = ada("sleep", "chat", here, "--for", "1h", "-o", "json")
    assert slept.code == 0 and slept.json["awake"] is False
    assert slept.json["by"] == f"system:serviceaccount:{world.namespace}:ada"
    assert len(chat.pods()) == 2, "nobody has heard it yet"
    operator.start(*FLAGS)
    assert "ada" in wait_asleep(world, chat)
    assert set(annotations(chat.path, world)) == {
        f"spillway.dev/{name}" for name in ("sleep-until", "override-by", "override-at")
    }, "a new request replaces the one before"

    # The hours decide again; then all of the namespace is woken by another operator.
    assert ada("sleep", "chat", here, "--clear").code == 0
    chat.wait(lambda s: nights in s["awakeReason"], "to sleep by its policy")
    assert annotations(chat.path, world) == {}
    operator.stop()
    assert ada("wake", here).code == 0, "for two hours, without a word about it"
    world.start_operator(*FLAGS, instance="successor")
    for pool, replicas in ((chat, 2), (embed, 1)):
        assert "ada" in wait_awake(world, pool, replicas)
        left = parse_time(pool.status["nextTransition"]) - now()
        # The end is a whole second, rounded up.
        assert timedelta(hours=1, minutes=55) < left < timedelta(hours=2, seconds=1)
    world.show("awake at the request of ada")
    assert ada("wake", here, "--clear").code == 0
    for pool, replicas in ((chat, 2), (embed, 1)):
        assert nights in wait_asleep(world, pool)
        assert pool.get()["spec"]["replicas"] == replicas, "what the user asked for stays"
    patched = {(write.resource, write.name) for write in ada.writes() if write.verb == "patch"}
    assert patched == {("inferencepools", "chat"), ("namespaces", world.namespace)}
    others = {write.resource for write in ada.writes() if write.verb != "patch"}
    assert others == {"selfsubjectreviews"}, "who she is, and nothing else"


def test_schedule_foretells_two_weeks_and_agrees_with_what_the_operator_says(world, nights, ada):
    world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=1, per_node=4)
    world.start_operator(*FLAGS)
    chat = world.serve("chat", replicas=1, capacity={"spotPercent": 100})
    wait_asleep(world, chat)
    here = f"--namespace={world.namespace}"
    told = ada("schedule", "--next", f"{DAYS}d", here, "-o", "json")
    assert told.code == 0
    changes = told.json["transitions"]
    assert [change["awake"] for change in changes] == [True, False] * 2, (
        "two weeks, one window each"
    )
    assert all(change["workloads"] == [f"ipool {world.namespace}/chat"] for change in changes)
    opens, closes = (parse_time(change["at"]) for change in changes[:2])
    assert closes - opens == timedelta(minutes=5)
    assert "10:00" in changes[0]["localTime"]
    assert chat.status["nextTransition"] == changes[0]["at"]

    # What somebody asks for is foretold with the rest, and comes before it.
    assert ada("wake", "chat", here, "--for", "30m").code == 0
    wait_awake(world, chat, 1)
    told = ada("schedule", "--next", f"{DAYS}d", here, "-o", "json")
    ends = told.json["transitions"][0]
    assert ends["awake"] is False and ends["at"] == chat.status["nextTransition"]
    assert told.json["transitions"][1:] == changes
    assert told.json["workloads"][0]["reason"] == chat.status["awakeReason"]
    table = ada("schedule", "--next", f"{DAYS}d", here)
    assert table.out.count(f"ipool {world.namespace}/chat") >= 5
    assert {write.resource for write in ada.writes()} == {
        "selfsubjectreviews",
        "inferencepools",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wake", "nobody"], "there is no workload nobody in namespace"),
        (["wake", "pod/chat"], "pod is no kind that sleeps"),
        (
            ["sleep", "chat", "--for", "soon"],
            "--for soon is no time: write a time above zero",
        ),
        (["sleep", "chat", "--for", "40d"], "--for 40d is too long"),
        (["wake", "always"], "to sleep: no CostPolicy in mode Enforce selects it"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_writes_nothing(
    world, installation, ada, arguments, words
):
    world.serve("always", replicas=0)
    world.serve("chat", replicas=0)
    answer = ada(*arguments, f"--namespace={world.namespace}")
    assert answer.code == 2 and answer.out == ""
    assert answer.err.startswith("error: ") and words in answer.err
    assert not [write for write in ada.writes() if write.verb == "patch"]


def test_who_may_not_patch_is_told_what_to_ask_for(world, nights, start_plugin):
    viewer = start_plugin("viewer", role_of_the_manual("spillway-viewer"))
    world.start_operator(*FLAGS)
    chat = world.serve("chat", replicas=1)
    wait_asleep(world, chat)
    for target in (["chat"], []):
        refused = viewer("wake", *target, f"--namespace={world.namespace}")
        assert refused.code == 1 and refused.out == ""
        assert "may not patch" in refused.err and "ask for the verb patch" in refused.err
    assert annotations(chat.path, world) == {}
    assert chat.status["awake"] is False
