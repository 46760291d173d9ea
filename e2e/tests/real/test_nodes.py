"""The real nodes themselves: what the tests of interruptions rest on."""

import datetime
import json
import pathlib
import urllib.request

import pytest

from cluster import wait_until
from cluster.machine import BRIDGE
from cluster.network import ip

WAIT = 60  # seconds: far above what is needed
GRACE = 45  # seconds, of which a pod needs two


def container(name, image, script, **fields):
    return {"name": name, "image": image, "command": ["busybox", "sh", "-c", script], **fields}


def pod(name, containers, *, node=None, labels=None, **spec):
    placed = {"nodeName": node} if node else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 5,
            "containers": containers,
            **placed,
            **spec,
        },
    }


def service(name, selector, port, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": selector, "ports": [{"port": port}], **spec},
    }


@pytest.fixture
def run(kubectl, namespace):
    """run(manifest, ...) applies into the test's namespace."""
    return lambda *manifests: kubectl.apply(list(manifests), f"--namespace={namespace}")


@pytest.fixture
def wait_pod(kubectl, namespace):
    """wait_pod(name, phase) -> the pod, when it has the phase (Running: and is Ready)."""

    def look(name, phase):
        found = kubectl.json("get", "pod", name, f"--namespace={namespace}")
        status = found["status"]
        ready = {c["type"]: c["status"] for c in status.get("conditions", [])}.get("Ready")
        assert status["phase"] == phase and (phase != "Running" or ready == "True"), status
        return found

    return lambda name, phase: wait_until(
        lambda: look(name, phase), WAIT, f"the pod {name} to be {phase}"
    )


@pytest.fixture
def logs(kubectl, namespace):
    return lambda name, *arguments: kubectl("logs", name, *arguments, f"--namespace={namespace}")


def node_ready(kubectl, name):
    conditions = kubectl.json("get", "node", name)["status"]["conditions"]
    return next(c["status"] for c in conditions if c["type"] == "Ready")


def processes_with(argument):
    """The pids of the machine whose command line has this argument."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if argument.encode() in arguments:
            found.append(int(path.parent.name))
    return found


def test_a_pod_runs_on_each_node_with_logs_and_exec(
    kubectl, namespace, machines, busybox, run, wait_pod, logs
):
    for node in ("node-a", "node-b"):
        name = f"on-{node}"
        script = "echo I am $(hostname); exec sleep 1000"
        run(pod(name, [container("main", busybox, script)], node=node))
        running = wait_pod(name, "Running")
        assert running["status"]["hostIP"] == machines[node].address
        assert logs(name) == f"I am {name}\n"
        printed = kubectl("exec", name, f"--namespace={namespace}", "--", "busybox", "hostname")
        assert printed == f"{name}\n"


def test_pods_of_two_nodes_and_the_machine_reach_a_service_by_address_and_pods_by_name(
    machines, busybox, run, wait_pod, logs, kubectl, namespace
):
    serve = "echo hello > /tmp/index.html; exec busybox httpd -f -p 8000 -h /tmp"
    probe = {"httpGet": {"path": "/index.html", "port": 8000}, "periodSeconds": 1}
    run(
        pod(
            "server",
            [container("main", busybox, serve, readinessProbe=probe)],
            node="node-b",
            labels={"app": "web"},
            hostname="server",
            subdomain="ranks",
        ),
        service("web", {"app": "web"}, 8000),
        service("ranks", {"app": "web"}, 8000, clusterIP="None", publishNotReadyAddresses=True),
    )
    server = wait_pod("server", "Running")
    address = kubectl.json("get", "service", "web", f"--namespace={namespace}")["spec"]["clusterIP"]
    fetch = f"http://{address}:8000/index.html"
    wait_until(lambda: urllib.request.urlopen(fetch, timeout=2).read() == b"hello\n", WAIT, fetch)
    assert machines["node-a"].service_backends(address) == {server["status"]["podIP"]}
    for node in ("node-a", "node-b"):
        script = f"wget -q -O - {fetch} && wget -q -O - http://server.ranks:8000/index.html"
        run(pod(f"client-{node}", [container("main", busybox, script)], node=node))
        wait_pod(f"client-{node}", "Succeeded")
        assert logs(f"client-{node}") == "hello\nhello\n"


def test_a_pod_reaches_the_api_server_by_its_service_with_its_own_token(
    machines, busybox, run, wait_pod, logs
):
    script = (
        "folder=/var/run/secrets/kubernetes.io/serviceaccount; "
        "curl --silent --show-error --cacert $folder/ca.crt "
        '--header "Authorization: Bearer $(cat $folder/token)" '
        "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/version"
    )
    run(pod("asks", [container("main", busybox, script)], node="node-b"))
    wait_pod("asks", "Succeeded")
    assert json.loads(logs("asks"))["gitVersion"].startswith("v1.")


def test_a_job_of_two_ranks_on_two_nodes_ends(machines, busybox, run, kubectl, namespace):
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "gang"}},
    }
    run(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "gang"},
            "spec": {
                "completions": 2,
                "parallelism": 2,
                "completionMode": "Indexed",
                "template": {
                    "metadata": {"labels": {"app": "gang"}},
                    "spec": {
                        "restartPolicy": "Never",
                        "topologySpreadConstraints": [spread],
                        "containers": [container("main", busybox, "echo $JOB_COMPLETION_INDEX")],
                    },
                },
            },
        }
    )
    kubectl("wait", "--for=condition=Complete", "job/gang", f"-n={namespace}", f"--timeout={WAIT}s")
    ended = kubectl.items("pods", f"--namespace={namespace}", "--selector=app=gang")
    assert {p["spec"]["nodeName"] for p in ended} == {"node-a", "node-b"}


def test_a_sidecar_starts_before_and_ends_after_the_program_within_the_grace(
    machines, busybox, run, wait_pod, kubectl, namespace
):
    """What the checkpoints' way to the store rests on: the program saves when it is told to end,
    and the sidecar still runs then.
    """
    shared = {"volumeMounts": [{"name": "notes", "mountPath": "/notes"}]}
    stamp = "date -u +%H:%M:%S"
    program = (
        f"trap 'echo program $({stamp}) ended; sleep 1; touch /notes/saved; exit 0' TERM; "
        "test -e /notes/sidecar && echo sidecar was there; touch /notes/up; "
        "while true; do sleep 0.1; done"
    )
    sidecar = (
        "trap 'test -e /notes/saved && echo saw what was saved; exit 0' TERM; "
        "touch /notes/sidecar; while true; do sleep 0.1; done"
    )
    started = {"startupProbe": {"exec": {"command": ["busybox", "test", "-e", "/notes/sidecar"]}}}
    started["startupProbe"]["periodSeconds"] = 1
    up = {"readinessProbe": {"exec": {"command": ["busybox", "test", "-e", "/notes/up"]}}}
    run(
        pod(
            "pair",
            [container("main", busybox, program, **shared, **up)],
            node="node-a",
            terminationGracePeriodSeconds=GRACE,
            volumes=[{"name": "notes", "emptyDir": {}}],
            initContainers=[
                container("sync", busybox, sidecar, restartPolicy="Always", **shared, **started)
            ],
        )
    )
    wait_pod("pair", "Running")
    # The logs go with the pod: they are followed until both have ended.
    began = datetime.datetime.now()
    follow = [
        kubectl.start("logs", "pair", "--follow", "-c", name, f"--namespace={namespace}")
        for name in ("main", "sync")
    ]
    kubectl("delete", "pod", "pair", f"--namespace={namespace}")
    took = datetime.datetime.now() - began
    printed = [process.communicate(timeout=WAIT)[0] for process in follow]
    assert "sidecar was there" in printed[0] and "ended" in printed[0], printed
    assert "saw what was saved" in printed[1], printed
    assert took < datetime.timedelta(seconds=GRACE), f"the grace was used up: {took}"


def test_accelerators_are_numbers_that_real_pods_ask_for(
    machines, busybox, run, wait_pod, kubectl, namespace
):
    machines.set_accelerators("node-b", 1)
    wants = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
    run(pod("first", [container("main", busybox, "exec sleep 1000", **wants)]))
    first = wait_pod("first", "Running")
    assert first["spec"]["nodeName"] == "node-b"
    run(pod("second", [container("main", busybox, "exec sleep 1000", **wants)]))
    wait_until(
        lambda: (
            "Insufficient nvidia.com/gpu"
            in kubectl(
                "get", "pod", "second", f"-n={namespace}", "-o", "jsonpath={.status.conditions}"
            )
        ),
        WAIT,
        "the second pod to be told that there is none left",
    )


def test_a_power_cut_takes_every_process_and_the_node_falls_silent(
    machines, busybox, run, wait_pod, kubectl
):
    machines.add("node-c")
    script = "busybox sleep 98765; echo never"
    run(pod("doomed", [container("main", busybox, script)], node="node-c"))
    wait_pod("doomed", "Running")
    assert processes_with("98765")
    machines.kill("node-c")
    assert not processes_with("98765")
    wait_until(
        lambda: node_ready(kubectl, "node-c") == "Unknown", WAIT, "the node to be found silent"
    )
    machines.remove("node-c")
    assert kubectl.find("node", "node-c") is None


def test_what_runs_on_a_disconnected_node_goes_on_alone(machines, busybox, run, wait_pod, kubectl):
    node = machines.add("node-d")
    script = "busybox sleep 87654; echo never"
    run(pod("alone", [container("main", busybox, script)], node="node-d"))
    wait_pod("alone", "Running")
    before = processes_with("87654")
    node.disconnect()
    wait_until(
        lambda: node_ready(kubectl, "node-d") == "Unknown", WAIT, "the node to be found silent"
    )
    assert processes_with("87654") == before != []
    node.connect()
    wait_until(lambda: node_ready(kubectl, "node-d") == "True", WAIT, "the node to be back")
    assert processes_with("87654") == before


def test_a_port_that_comes_or_goes_leaves_the_address_of_its_bridge_alone(cluster, machines):
    """Else others would speak for up to ten seconds to an address that is no more: at random, to this
    machine whenever a node came or went, and to a node whenever a pod of it did.
    """
    for bridge, run in (
        (cluster.network.bridge, ip),
        (BRIDGE, lambda *arguments: machines["node-a"].run("ip", *arguments)),
    ):
        _check_address_stays(bridge, run)


def _check_address_stays(bridge, run):
    def address():
        return json.loads(run("-json", "link", "show", bridge))[0]["address"]

    before = address()
    port = f"{bridge}low"
    run("link", "add", port, "address", "02:00:00:00:00:01", "type", "veth", "peer", f"{bridge}end")
    try:
        run("link", "set", port, "master", bridge, "up")
        assert address() == before, bridge
    finally:
        run("link", "delete", port)
    assert address() == before, bridge
