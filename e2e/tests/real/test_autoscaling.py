"""A HorizontalPodAutoscaler of the real controller manager scales an InferencePool on the figures
of a real metrics-server, which measures real pods under real requests.
"""

import contextlib
import threading
import urllib.request

import pytest

from cluster import MetricsServer, wait_until
from support import manifests
from support.real_world import RealPool
from support.scale import put_scale, replicas_are_left_alone
from support.world import Inference

WAIT = 240  # seconds: metrics come every 10 s, and of a new pod after two of these
PORT = 8000
# Each request costs some milliseconds of processor time.
ANSWER = """\
#!/usr/local/bin/busybox sh
i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done
echo Content-Type: text/plain; echo; echo done
"""
SERVE = f"""\
mkdir -p /tmp/www/cgi-bin
printf '%s' "$ANSWER" > /tmp/www/cgi-bin/work
chmod +x /tmp/www/cgi-bin/work
exec busybox httpd -f -p {PORT} -h /tmp/www
"""
PATH = "cgi-bin/work"


@pytest.fixture
def pool(world, machines):
    made = RealPool(world, machines, "real", tier="OnDemand", zone="us-east-1a", fixed="1.00",
                    per_node=2)  # fmt: skip
    made.take("node-a", "node-b")
    for name in ("node-a", "node-b"):
        machines.set_accelerators(name, 2)
    yield made
    made.close()


@pytest.fixture
def metrics(cluster, machines):
    with MetricsServer(cluster, die_with_parent=True) as started:
        yield started


def server(image):
    """A template whose program computes for each request."""
    probe = {"httpGet": {"path": f"/{PATH}", "port": PORT}, "periodSeconds": 2}
    container = {
        "name": "server",
        "image": image,
        "command": ["busybox", "sh", "-c", SERVE],
        "env": [{"name": "ANSWER", "value": ANSWER}],
        "readinessProbe": probe,
        "resources": {"requests": {"cpu": "30m", "memory": "16Mi"}, "limits": {"cpu": "200m"}},
    }
    return {"spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}


def autoscaler(name, target, most):
    at_once = {"stabilizationWindowSeconds": 0}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "spillway.dev/v1alpha1",
                "kind": "InferencePool",
                "name": target,
            },
            "minReplicas": 1,
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 50},
                    },
                }
            ],
            "behavior": {"scaleUp": at_once, "scaleDown": at_once},
        },
    }


@contextlib.contextmanager
def requests_to(address, threads=3):
    """Clients that ask one after the other; yields the count of those that were answered."""
    end, answered = threading.Event(), [0] * threads

    def ask(number):
        while not end.is_set():
            try:
                urllib.request.urlopen(f"http://{address}/{PATH}", timeout=5).read()
                answered[number] += 1
            except OSError:
                end.wait(0.2)  # nobody is there at the moment

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for client in clients:
        client.start()
    try:
        yield answered
    finally:
        end.set()
        for client in clients:
            client.join()


def test_an_autoscaler_follows_what_kubelets_measure_and_leaves_zero_alone(
    world, pool, metrics, busybox
):
    world.start_operator()
    manifest = manifests.inference_pool("chat", model=world.model, replicas=1)
    manifest["spec"]["template"] = server(busybox)
    world.api.create(world.path("inferencepools"), manifest)
    chat = Inference(world, "chat")
    chat.wait_ready(1)
    path = f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers"
    world.api.create(path, autoscaler("chat", "chat", most=3))

    def seen():
        return world.api.get(f"{path}/chat").get("status", {})

    def active():
        return {c["type"]: (c["status"], c["reason"]) for c in seen().get("conditions", [])}

    [service] = world.services(chat.selector)
    with requests_to(service["spec"]["clusterIP"]) as answered:
        chat.wait_ready(3, timeout=WAIT)
        print("answered:", sum(answered), "the autoscaler:", seen())
        assert sum(answered) > 0
    assert active()["ScalingActive"] == ("True", "ValidMetricFound")
    assert seen()["desiredReplicas"] == 3
    chat.wait_ready(1, timeout=WAIT)

    # KEDA's way: from and to zero it writes itself, in between it leaves the work to an autoscaler,
    # which takes zero for switched off.
    put_scale(chat, 0)
    wait_until(lambda: not chat.pods(), 60, "the pods to be gone")
    wait_until(
        lambda: active()["ScalingActive"] == ("False", "ScalingDisabled"), 60, "it to stand aside"
    )
    put_scale(chat, 1)
    chat.wait_ready(1)
    wait_until(lambda: active()["ScalingActive"][0] == "True", WAIT, "it to measure again")
    replicas_are_left_alone(chat)
