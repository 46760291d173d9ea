"""A GitOps tool owns our objects by server-side apply (Argo CD, Flux): nothing that it manages is
rewritten, so that it never sees a difference, and no ignore rule is needed.
"""

import datetime

from cluster import wait_until
from support import manifests
from support.world import GROUP, Inference, now

ZONE = "us-east-1a"
TOOL = "argocd-controller"
FLAGS = ("--leader-elect=false",)
APPLY = "application/apply-patch+yaml"


def applied(world, path, manifest):
    """The object after the tool has applied its manifest. Without force: a conflict is a failure."""
    status, answer = world.api.request("PATCH", f"{path}?fieldManager={TOOL}", manifest, APPLY)
    assert status in (200, 201), answer
    return world.api.get(path)


def content(found):
    """What a tool compares: everything that is not the server's or a status."""
    metadata = {
        k: v for k, v in found["metadata"].items() if k in ("labels", "annotations", "finalizers")
    }
    return {"metadata": metadata, "spec": found["spec"]}


def fields_of_spillway(found):
    """The parts of an object that the operator has written, by subresource."""
    return {
        entry.get("subresource", "")
        for entry in found["metadata"]["managedFields"]
        if entry["manager"].startswith("spillway")
    }


def service(world):
    """Without a number of replicas: that is an autoscaler's."""
    manifest = manifests.inference_pool("chat", model=world.model, capacity={"spotPercent": 100})
    del manifest["spec"]["replicas"]
    return manifest


def test_a_service_is_scaled_moved_and_put_to_sleep_and_the_tool_sees_no_difference(world):
    world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=2, per_node=4)
    world.start_operator(*FLAGS)
    chat = Inference(world, "chat")
    manifest = service(world)
    first = applied(world, chat.path, manifest)
    chat.wait_ready(1)
    assert content(chat.get()) == content(first)

    # An autoscaler writes its number; the tool applies again, and neither takes it from the other.
    chat.patch_scale(3)
    chat.wait_ready(3)
    again = applied(world, chat.path, manifest)
    assert again["spec"]["replicas"] == 3
    assert again["metadata"]["generation"] == first["metadata"]["generation"] + 1, (
        "the autoscaler's"
    )

    # A person puts it to sleep: the tool's next synchronisation does not wake it.
    until = now() + datetime.timedelta(days=1)
    asked = {"spillway.dev/sleep-until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
    chat.patch({"metadata": {"annotations": asked}})
    chat.wait(lambda s: s.get("awake") is False, "to sleep")
    wait_until(lambda: not chat.pods(), 60, "no pod to be left")
    asleep = applied(world, chat.path, manifest)
    world.wait_pass()
    assert asleep["metadata"]["annotations"] == asked and not chat.pods()
    assert asleep["spec"] == again["spec"]
    assert asleep["metadata"]["generation"] == again["metadata"]["generation"]
    assert fields_of_spillway(chat.get()) == {"status"}

    # What is made of it says whose it is, so that the tool counts it to the service.
    for made in (*chat.deployments(), *world.services(chat.selector), *world.budgets()):
        owners = [owner["kind"] for owner in made["metadata"]["ownerReferences"]]
        assert owners == ["InferencePool"], made["metadata"]["name"]


def test_no_object_of_ours_has_a_field_outside_its_status_that_we_write(world):
    world.start_operator(*FLAGS)
    pool = world.pool_name("spot")
    policy = f"nights-{world.id}"
    objects = {
        f"{GROUP}/capacitypools/{pool}": manifests.capacity_pool(
            pool, tier="Spot", model=world.model, zone=ZONE, selector={"e2e": pool}, max_nodes=1,
            fixed="0.90",
        ),
        f"{GROUP}/costpolicies/{policy}": {
            "apiVersion": manifests.API_VERSION,
            "kind": "CostPolicy",
            "metadata": {"name": policy},
            "spec": {
                "selector": {"namespaces": {"matchLabels": {"e2e": world.id}}},
                "mode": "Audit",
                "offHours": {
                    "timeZone": "UTC",
                    "awake": [{"days": ["Mon-Fri"], "from": "08:00", "to": "18:00"}],
                },
            },
        },
        f"{world.path('trainingjobs')}/train": manifests.training_job("train", model=world.model),
        f"{world.path('inferencepools')}/chat": service(world),
    }  # fmt: skip
    try:
        before = {path: applied(world, path, manifest) for path, manifest in objects.items()}
        for path, manifest in objects.items():
            wait_until(
                lambda path=path: world.api.get(path).get("status"), 60, f"a status of {path}"
            )
            after = applied(world, path, manifest)
            assert content(after) == content(before[path]), path
            assert after["metadata"]["generation"] == before[path]["metadata"]["generation"]
            assert fields_of_spillway(after) == {"status"}, path
    finally:
        world.api.request("DELETE", f"{GROUP}/costpolicies/{policy}")
