"""Who scales an InferencePool, and how: kubectl, KEDA, several at once. An autoscaler on real
figures is in tests/real.
"""

import threading

from cluster import wait_until
from support.scale import put_scale, replicas_are_left_alone
from support.world import WAIT

ZONE = "us-east-1a"


def selector_terms(scale):
    """What KEDA and HorizontalPodAutoscalers do with status.selector: they parse it as text, and
    refuse a target that has none.
    """
    text = scale["status"]["selector"]
    assert isinstance(text, str) and text, scale
    return dict(term.split("=") for term in text.split(","))


def test_kubectl_scales_and_its_precondition_holds(world):
    world.pool("on-demand", tier="OnDemand", zone=ZONE, fixed="3.06", nodes=4)
    world.start_operator()
    chat = world.serve("chat", replicas=1)
    chat.wait_ready(1)
    scale = ("scale", "inferencepool.spillway.dev/chat", f"-n={world.namespace}")
    world.kubectl(*scale, "--current-replicas=1", "--replicas=3")
    chat.wait_ready(3)
    refusal = world.kubectl.refusal(*scale, "--current-replicas=1", "--replicas=2")
    assert "Expected replicas to be 1, was 3" in refusal
    world.wait_pass()
    assert chat.scale()["spec"]["replicas"] == 3
    wait_until(lambda: chat.scale()["status"]["replicas"] == 3, WAIT, "scale to count three")
    replicas_are_left_alone(chat)


def test_keda_takes_it_to_zero_and_back_and_finds_its_pods_by_the_selector(world):
    world.pool("on-demand", tier="OnDemand", zone=ZONE, fixed="3.06", nodes=4)
    world.start_operator()
    chat = world.serve("chat", replicas=2)
    chat.wait_ready(2)
    terms = selector_terms(chat.scale())
    query = ",".join(f"{key}={value}" for key, value in terms.items())
    assert {pod["metadata"]["name"] for pod in world.pods(query)} == {
        pod["metadata"]["name"] for pod in chat.pods()
    }
    for replicas in (0, 1, 0, 2):
        put_scale(chat, replicas)
        chat.wait(
            lambda status, n=replicas: status.get("readyReplicas", 0) == n,
            f"to have {replicas} replicas",
        )
        wait_until(lambda n=replicas: len(chat.pods()) == n, WAIT, f"{replicas} pods")
        assert selector_terms(chat.scale()) == terms, "it is there at zero as well"
    replicas_are_left_alone(chat)


def test_writers_of_scale_are_never_refused_by_the_operator_in_between(world):
    """An autoscaler reads, decides and writes while statuses are written: a status has no part in
    the version conflict of a patch, and the last number stands.
    """
    world.pool("on-demand", tier="OnDemand", zone=ZONE, fixed="3.06", nodes=8)
    world.start_operator()
    chat = world.serve("chat", replicas=1)
    chat.wait_ready(1)
    failures = []

    def write(numbers):
        for number in numbers:
            try:
                chat.patch_scale(number)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                failures.append(error)

    writers = [threading.Thread(target=write, args=([2, 4, 1, 6, 3],)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures
    assert chat.scale()["spec"]["replicas"] == 3
    chat.wait_ready(3)
    replicas_are_left_alone(chat)
