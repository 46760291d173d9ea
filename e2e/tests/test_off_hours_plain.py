"""Plain Deployments, StatefulSets and CronJobs sleep by a CostPolicy (docs/off-switch.md)."""

import datetime
import json
import threading

import pytest

from cluster import wait_until
from support.installation import install, render
from support.world import POOL_LABEL, condition, now, parse_time

POLICIES = "/apis/spillway.dev/v1alpha1/costpolicies"
ASLEEP = "spillway.dev/asleep"
WAIT = 60  # seconds: far above what is needed
ARGO = "argocd-controller"
MERGE_PATCH = "application/merge-patch+json"


@pytest.fixture(scope="module")
def installation(cluster, kubectl):
    """The chart with the off switch, and afterwards as the other tests have it."""
    yield install(kubectl, cluster.version, "--set", "offSwitch.enabled=true")
    install(kubectl, cluster.version)


@pytest.fixture
def plain(world):
    """The namespace with a node, and what is done there."""
    made = Plain(world)
    yield made
    made.close()


class Plain:
    def __init__(self, world):
        self.world = world
        self.api = world.api
        self.policy = f"nights-{world.id}"
        self.api.patch(
            f"/api/v1/namespaces/{world.namespace}", {"metadata": {"labels": {"e2e": world.id}}}
        )
        world.nodes.add(
            f"plain-{world.id}",
            count=1,
            accelerators=0,
            zone="us-east-1a",
            instance_type="m5.large",
            labels={POOL_LABEL: world.id},
        )

    def close(self):
        self.api.request("DELETE", f"{POLICIES}/{self.policy}")

    # The policy

    def set_policy(self, *, awake_for=0, mode="Enforce"):
        """Awake for so many seconds from now on, then asleep for days; returns the moment between."""
        end = now() + datetime.timedelta(seconds=awake_for)
        far = (now() + datetime.timedelta(days=3)).strftime("%a")
        off_hours = {
            "timeZone": "Europe/Berlin",
            "awake": [{"days": [far], "from": "10:00", "to": "10:05"}],
            "workloads": ["Deployment", "StatefulSet", "CronJob"],
            "exceptUntil": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        manifest = {
            "apiVersion": "spillway.dev/v1alpha1",
            "kind": "CostPolicy",
            "metadata": {"name": self.policy},
            "spec": {
                "selector": {"namespaces": {"matchLabels": {"e2e": self.world.id}}},
                "mode": mode,
                "offHours": off_hours,
            },
        }
        self.world.kubectl.apply(manifest)
        return end.replace(microsecond=0)

    def contested(self):
        status = self.api.get(f"{POLICIES}/{self.policy}").get("status", {})
        found = condition(status, "Contested")
        return found["message"] if found and found["status"] == "True" else None

    def annotate_namespace(self, **annotations):
        keys = {f"spillway.dev/{key.replace('_', '-')}": v for key, v in annotations.items()}
        path = f"/api/v1/namespaces/{self.world.namespace}"
        self.api.patch(path, {"metadata": {"annotations": keys}})

    # Workloads

    def path(self, kind, name):
        group, plural = {
            "Deployment": ("apps", "deployments"),
            "StatefulSet": ("apps", "statefulsets"),
            "CronJob": ("batch", "cronjobs"),
        }[kind]
        return f"/apis/{group}/v1/namespaces/{self.world.namespace}/{plural}/{name}"

    def create(self, kind, name, replicas=1, annotations=None, pod_annotations=None):
        labels = {"app": name}
        spec = {"containers": [{"name": "main", "image": "registry.example/main:1"}]}
        if kind == "CronJob":
            spec = {**spec, "restartPolicy": "Never"}
        template = {"metadata": {"labels": labels, "annotations": pod_annotations or {}}}
        template["spec"] = {**spec, "nodeSelector": {POOL_LABEL: self.world.id}}
        body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        if kind == "StatefulSet":
            body["serviceName"] = name
        if kind == "CronJob":
            body = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
        collection = self.path(kind, name).rpartition("/")[0]
        manifest = {"metadata": {"name": name, "annotations": annotations or {}}, "spec": body}
        self.api.create(collection, manifest)

    def get(self, kind, name):
        return self.api.get(self.path(kind, name))

    def replicas(self, name, kind="Deployment"):
        return self.get(kind, name)["spec"]["replicas"]

    def record(self, name, kind="Deployment"):
        """What the object says is to be restored; None when it is awake."""
        text = self.get(kind, name)["metadata"].get("annotations", {}).get(ASLEEP)
        return json.loads(text) if text else None

    def suspended(self, name):
        return self.get("CronJob", name)["spec"]["suspend"]

    def wait_replicas(self, name, wanted, kind="Deployment"):
        wait_until(
            lambda: self.replicas(name, kind) == wanted,
            WAIT,
            f"{kind} {name} to have {wanted} replicas",
        )

    def wait_ready(self, name, wanted):
        wait_until(
            lambda: self.get("Deployment", name)["status"].get("readyReplicas", 0) == wanted,
            WAIT,
            f"{wanted} replicas of {name} to be ready",
        )

    def writes(self, name):
        return [w for w in self.world.writes() if w.name == name and w.resource != "events"]


def rights(version, *helm_arguments):
    """Resource -> verbs that the operator has on it, by the rendered chart."""
    found = {}
    for role in render(version, *helm_arguments):
        if role["kind"] == "ClusterRole" and role["metadata"]["name"] == "spillway-operator":
            for rule in role["rules"]:
                for resource in rule["resources"]:
                    found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_rights_on_plain_workloads_come_with_the_charts_value_alone(cluster):
    assert not {"statefulsets", "cronjobs"} & set(rights(cluster.version))
    value = ("--set", "offSwitch.enabled=true")
    reading = {"get", "list", "watch"}
    for resource in ("statefulsets", "cronjobs"):
        assert rights(cluster.version, *value)[resource] == reading | {"patch"}
        assert rights(cluster.version, *value, "--set", "observe=true")[resource] == reading
    assert "patch" in rights(cluster.version, *value)["deployments"]


def test_a_namespace_sleeps_at_the_edge_and_is_woken_by_command_whoever_leads(plain):
    world = plain.world
    world.pool("on-demand", tier="OnDemand", zone="us-east-1a", fixed="3.06", nodes=2)
    plain.create("Deployment", "web", replicas=3)
    plain.create("Deployment", "off", replicas=0)
    plain.create("Deployment", "always", annotations={"spillway.dev/never-sleep": "true"})
    plain.create("StatefulSet", "store", replicas=2)
    plain.create("CronJob", "report")
    operator = world.start_operator()
    chat = world.serve("chat", replicas=1)
    chat.wait_ready(1)
    plain.wait_ready("web", 3)

    edge = plain.set_policy(awake_for=5)
    plain.wait_replicas("web", 0)
    assert parse_time(plain.record("web")["since"]) >= edge, "not before the edge"
    plain.wait_replicas("store", 0, "StatefulSet")
    wait_until(lambda: plain.suspended("report"), WAIT, "the CronJob to be suspended")
    record = plain.record("web")
    assert (record["replicas"], record["policy"]) == (3, plain.policy)
    assert plain.record("off") is None
    assert plain.replicas("always") == 1
    wait_until(lambda: len(world.pods("app=web")) == 0, WAIT, "the pods to be gone")
    assert world.events("web", "PutToSleep")

    # The operator ends in the night, and another one wakes what it did not put to sleep.
    operator.stop()
    until = now() + datetime.timedelta(hours=2)
    plain.annotate_namespace(wake_until=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    world.start_operator(instance="successor")
    plain.wait_replicas("web", 3)
    plain.wait_replicas("store", 2, "StatefulSet")
    wait_until(lambda: not plain.suspended("report"), WAIT, "the CronJob to be resumed")
    plain.wait_ready("web", 3)
    assert plain.replicas("off") == 0
    for kind, name in (("Deployment", "web"), ("StatefulSet", "store"), ("CronJob", "report")):
        assert plain.record(name, kind) is None
        done = [write.verb for write in plain.writes(name) if write.code == 200]
        assert done == ["patch", "patch"], "one to sleep, one to wake"
    assert not plain.writes("off") and not plain.writes("always")

    # The command is taken back: asleep again.
    plain.annotate_namespace(wake_until=None)
    plain.wait_replicas("web", 0)
    chat.wait(
        lambda s: s.get("awake") is False and not s.get("readyReplicas"),
        "to sleep by the same policy",
    )
    assert chat.get()["spec"]["replicas"] == 1, "what the user asked for stays as it is"


def test_a_person_who_scales_by_hand_wins_and_a_deleted_policy_wakes_the_rest_in_order(plain):
    world = plain.world
    slow = {"simulate.spillway.dev/start-seconds": "3"}
    plain.create("Deployment", "web", replicas=2)
    plain.create("Deployment", "tool", replicas=1)
    plain.create("Deployment", "db", annotations={"spillway.dev/wake-order": "-10"},
                 pod_annotations=slow)  # fmt: skip
    world.start_operator()
    plain.wait_ready("db", 1)
    plain.set_policy()
    for name in ("web", "tool", "db"):
        plain.wait_replicas(name, 0)

    world.kubectl("scale", "deployment/tool", "--replicas=2", f"-n={world.namespace}")
    wait_until(lambda: world.events("tool", "LeftAlone"), WAIT, "the operator to see it")
    plain.wait_ready("tool", 2)
    assert plain.replicas("tool") == 2

    seen = []

    def woken():
        db = plain.get("Deployment", "db")["status"].get("readyReplicas", 0)
        web = plain.replicas("web")
        seen.append((db, web))
        return web == 2

    world.kubectl("delete", "costpolicy", plain.policy)
    wait_until(woken, WAIT, "web to be woken")
    print("(ready replicas of db, replicas of web):", sorted(set(seen)))
    assert (0, 2) not in seen, "the data store is ready first"
    wait_until(lambda: plain.record("tool") is None, WAIT, "the mark of the night to be gone")
    assert plain.replicas("tool") == 2, "what the person set"


class Morning:
    """Who wakes when, in the order in which etcd took it."""

    APPS = "apis/apps/v1/namespaces/{namespace}"
    KINDS = {
        "StatefulSet": f"{APPS}/statefulsets",
        "Deployment": f"{APPS}/deployments",
        "InferencePool": "apis/spillway.dev/v1alpha1/namespaces/{namespace}/inferencepools",
    }

    def __init__(self, world):
        self.history = world.record(self.KINDS)

    def first(self, what, kind, name, holds):
        """The revision from which on it holds."""
        for change in self.history.changes(kind):
            if change.name.startswith(name) and holds(change.object):
                return change.revision
        raise AssertionError(f"not seen: {what}")

    def assert_in_order(self):
        def ready(replicas):
            return lambda seen: seen.get("status", {}).get("readyReplicas") == replicas

        def woken(seen):
            return seen["spec"]["replicas"] > 0

        steps = {
            what: self.first(what, *step)
            for what, step in {
                "db is woken": ("StatefulSet", "db", woken),
                "db is ready": ("StatefulSet", "db", ready(1)),
                "chat has a pod": ("Pod", "chat-", lambda seen: True),
                "chat is ready": ("InferencePool", "chat", ready(2)),
                "web is woken": ("Deployment", "web", woken),
                "web is ready": ("Deployment", "web", ready(2)),
            }.items()
        }
        print(steps)
        assert sorted(steps, key=steps.get) == list(steps)

    def said_by(self, pool):
        """What its status said, in order, each once."""
        statuses = [
            change.object["status"]
            for change in self.history.changes("InferencePool")
            if change.name == pool and "status" in change.object
        ]
        said = dict.fromkeys(status.get("reason", "") for status in statuses)
        print("\n".join(said))
        return list(said)


def test_a_store_a_service_and_what_asks_it_wake_in_one_order(plain):
    world = plain.world
    world.pool("on-demand", tier="OnDemand", zone="us-east-1a", fixed="3.06", nodes=2)
    slow = {"simulate.spillway.dev/start-seconds": "3"}
    order = "spillway.dev/wake-order"
    plain.create("StatefulSet", "db", annotations={order: "0"}, pod_annotations=slow)
    plain.create("Deployment", "web", replicas=2, annotations={order: "2"})
    operator = world.start_operator()
    chat = world.serve("chat", replicas=2, annotations=slow)
    chat.patch({"metadata": {"annotations": {order: "1"}}})
    chat.wait_ready(2)
    plain.wait_ready("web", 2)

    def night():
        plain.set_policy()
        plain.wait_replicas("db", 0, "StatefulSet")
        plain.wait_replicas("web", 0)
        chat.wait(lambda s: s.get("awake") is False and not s.get("readyReplicas"), "to sleep")
        wait_until(lambda: not world.pods(), WAIT, "all pods to be gone")

    def morning_of(begin):
        morning = Morning(world)
        begin()
        plain.wait_ready("web", 2)
        morning.assert_in_order()
        return morning.said_by("chat")

    night()
    said = morning_of(lambda: plain.set_policy(awake_for=3600))
    begin, end = f"asleep: policy {plain.policy}: ", "; waits for StatefulSet db"
    assert any(text.startswith(begin) and text.endswith(end) for text in said)
    assert "waits for StatefulSet db" in world.events("web", "WaitsForItsTurn")[0]["note"]
    assert "waits" not in chat.status["awakeReason"], "it is over"

    # Nobody is there when the policy goes, and the next one knows whose turn it is all the same.
    night()
    operator.stop()

    def policy_goes():
        plain.set_policy(mode="Audit")
        world.start_operator(instance="successor")

    said = morning_of(policy_goes)
    assert "asleep: without any hours; waits for StatefulSet db" in said
    assert "awake" not in chat.status, "nothing puts it to sleep"
    for name in ("db", "web"):
        done = [write.verb for write in plain.writes(name) if write.code == 200]
        assert done == ["patch"] * 4, "one to sleep and one to wake, twice"


def test_a_wake_order_that_is_no_integer_is_told_once_with_what_to_write(plain):
    world = plain.world
    plain.create("Deployment", "web", annotations={"spillway.dev/wake-order": "first"})
    plain.set_policy()
    world.start_operator()
    wait_until(lambda: plain.record("web"), WAIT, "web to sleep all the same")

    def told():
        found = world.events("web", "WakeOrderUnreadable")
        assert len(found) == 1, found
        return found[0]

    event = wait_until(told, WAIT, "the Event")
    assert event["type"] == "Warning" and "series" not in event
    assert "'first' is taken for 0: write an integer" in event["note"]


@pytest.fixture
def nobody_stops_deployments(plain):
    """An administrator's rule against it in this namespace, in force."""
    world, group = plain.world, "/apis/admissionregistration.k8s.io/v1"
    name = f"keep-{world.id}"
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"]}
    policy = {
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["deployments"]}]},
        "validations": [{"expression": "object.spec.replicas > 0", "message": "ask ada first"}],
    }
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchLabels": {"e2e": world.id}}},
    }
    kinds = {"ValidatingAdmissionPolicy": policy, "ValidatingAdmissionPolicyBinding": binding}
    for kind, spec in kinds.items():
        manifest = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "spec": spec}
        world.kubectl.apply({**manifest, "metadata": {"name": name}})
    plain.create("Deployment", "probe")
    stop = {"spec": {"replicas": 0}}

    def refused():
        path = plain.path("Deployment", "probe") + "?dryRun=All"
        return "ask ada first" in plain.api.request("PATCH", path, stop, MERGE_PATCH)[1]

    wait_until(refused, WAIT, "the rule to be in force")
    yield
    world.api.request("DELETE", f"{group}/validatingadmissionpolicybindings/{name}")
    world.api.request("DELETE", f"{group}/validatingadmissionpolicies/{name}")


def test_what_the_api_server_refuses_to_switch_is_told_at_the_object(
    plain, nobody_stops_deployments
):
    plain.set_policy()
    plain.world.start_operator()
    events = wait_until(lambda: plain.world.events("probe", "NotSwitched"), WAIT, "the Event")
    assert events[0]["type"] == "Warning"
    assert "ask ada first" in events[0]["note"]


def test_an_operator_that_is_killed_in_between_loses_no_number(plain):
    world = plain.world
    numbers = {f"web-{n}": 1 + n % 3 for n in range(24)}
    for name, replicas in numbers.items():
        plain.create("Deployment", name, replicas=replicas)

    def replicas():
        found = world.deployments()
        return {each["metadata"]["name"]: each["spec"]["replicas"] for each in found}

    def killed_when(begun, instance):
        # After the burst five seconds are left for the kill to come in between.
        slow = ("--kube-api-qps=4", "--kube-api-burst=4")
        operator = world.start_operator(*slow, instance=instance, wait_ready=False)
        wait_until(lambda: any(map(begun, replicas().items())), WAIT, "the first to be switched")
        operator.kill()
        operator.forget()
        found = replicas()
        switched = sum(map(begun, found.items()))
        print(f"{instance} was killed after {switched} of {len(numbers)}")
        assert switched < len(numbers), "it was to be killed in between"

    plain.set_policy()
    killed_when(lambda each: each[1] == 0, "first")
    second = world.start_operator(instance="second")
    wait_until(lambda: set(replicas().values()) == {0}, WAIT, "all to sleep")
    second.stop()
    plain.set_policy(mode="Audit")
    killed_when(lambda each: each[1] > 0, "third")
    world.start_operator(instance="fourth")
    wait_until(lambda: replicas() == numbers, WAIT, "all to have their numbers back")
    for name in numbers:
        assert plain.record(name) is None
        # One to sleep, one to wake; more only for one whose outcome nobody knew.
        done = [write for write in plain.writes(name) if write.code == 200]
        assert len(done) <= 2, [str(write) for write in done]


class Gardener(threading.Thread):
    """Applies its number of replicas every second, as a GitOps controller that heals."""

    def __init__(self, plain, name, replicas):
        super().__init__()
        self.reverted = 0
        self._end = threading.Event()
        self._plain, self._name, self._replicas = plain, name, replicas
        self._generation = plain.get("Deployment", name)["metadata"]["generation"]

    def run(self):
        path = f"{self._plain.path('Deployment', self._name)}?fieldManager={ARGO}&force=true"
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self._name},
            "spec": {"replicas": self._replicas},
        }
        while not self._end.wait(1):
            status, text = self._plain.api.request(
                "PATCH", path, manifest, "application/apply-patch+yaml"
            )
            assert status == 200, text
            # It grows with every change of the number: by somebody else, and back.
            found = json.loads(text)["metadata"]["generation"]
            self.reverted += (found - self._generation) // 2
            self._generation = found

    def stop(self):
        self._end.set()
        self.join()


def test_a_gitops_tool_is_contradicted_a_few_times_and_then_named_with_what_to_write(plain):
    world = plain.world
    plain.create("Deployment", "web", replicas=3)
    plain.create("Deployment", "other", replicas=1)
    world.start_operator()
    plain.wait_ready("web", 3)
    gardener = Gardener(plain, "web", 3)
    gardener.start()
    try:
        plain.set_policy()
        message = wait_until(plain.contested, 240, "the policy to say who contradicts")
    finally:
        gardener.stop()
    print(message)
    assert f"by {ARGO} 4 times" in message
    assert "{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}" in message
    assert gardener.reverted == 4, "once, and three times more"
    assert plain.replicas("web") == 3, "it is left alone"
    assert len([write for write in plain.writes("web") if write.code == 200]) == 4
    assert world.events("web", "Contested")[0]["type"] == "Warning"
    assert world.operator.metric("spillway_plain_workloads", state="Contested") == 1
    assert world.operator.metric("spillway_off_switch_writes_total", result="asleep_again") == 3
    assert plain.replicas("other") == 0, "others sleep"
    # In the morning nothing is left of it.
    plain.set_policy(mode="Audit")
    plain.wait_replicas("other", 1)
    wait_until(lambda: plain.record("web") is None, WAIT, "the mark to be gone")
    wait_until(lambda: not plain.contested(), WAIT, "the condition to be over")
    assert plain.replicas("web") == 3
