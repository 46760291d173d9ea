"""The control plane itself: what the tests of Spillway rest on."""

import http.client
import json

import pytest

from cluster import ControlPlane, wait_until
from support.kubectl import Kubectl
from support.world import WAIT

SPOT_TAINT = {"key": "spillway.dev/spot", "value": "true", "effect": "NoSchedule"}


def job(name, *, replicas=1, accelerators=8, annotations=None, selector=None, **spec):
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completions": replicas,
            "parallelism": replicas,
            "completionMode": "Indexed",
            **spec,
            "template": {
                "metadata": {"annotations": annotations or {}},
                "spec": {
                    "restartPolicy": "Never",
                    "nodeSelector": selector or {},
                    "containers": [
                        {
                            "name": "trainer",
                            "image": "registry.example/trainer:1",
                            "resources": {"limits": {"nvidia.com/gpu": accelerators}},
                        }
                    ],
                },
            },
        },
    }


def pods(kubectl, namespace, name):
    return kubectl.items(
        "pods", f"--namespace={namespace}", f"--selector=batch.kubernetes.io/job-name={name}"
    )


def phases(kubectl, namespace, name):
    return sorted(pod["status"]["phase"] for pod in pods(kubectl, namespace, name))


def job_conditions(kubectl, namespace, name):
    conditions = kubectl.json("get", "job", name, f"--namespace={namespace}")["status"].get(
        "conditions", []
    )
    return {condition["type"] for condition in conditions if condition["status"] == "True"}


def wait_running(kubectl, namespace, name, count):
    wait_until(
        lambda: phases(kubectl, namespace, name) == ["Running"] * count,
        WAIT,
        f"{count} pods of the job {name} to run",
    )
    return pods(kubectl, namespace, name)


def ready_status(kubectl, node):
    conditions = kubectl.json("get", "node", node)["status"]["conditions"]
    return next(condition["status"] for condition in conditions if condition["type"] == "Ready")


# Nodes and pods


def test_nodes_have_the_capacity_and_labels_of_their_instance_type(kubectl, nodes):
    names = nodes.add(
        "spot",
        count=2,
        accelerators=8,
        zone="us-east-1b",
        instance_type="p3.16xlarge",
        labels={"spillway.dev/tier": "Spot"},
        taints=[SPOT_TAINT],
    )
    assert names == ["spot-0", "spot-1"]
    node = kubectl.json("get", "node", "spot-1")
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    labels = node["metadata"]["labels"]
    assert labels["topology.kubernetes.io/zone"] == "us-east-1b"
    assert labels["topology.kubernetes.io/region"] == "us-east-1"
    assert labels["node.kubernetes.io/instance-type"] == "p3.16xlarge"
    assert labels["spillway.dev/tier"] == "Spot"
    assert node["spec"]["taints"] == [SPOT_TAINT]


def test_further_nodes_of_a_prefix_are_numbered_on(nodes):
    common = {"accelerators": 1, "zone": "us-east-1a", "instance_type": "p3.2xlarge"}
    assert nodes.add("more", count=1, **common) == ["more-0"]
    assert nodes.add("more", count=2, **common) == ["more-1", "more-2"]


def test_a_job_runs_on_the_nodes_it_selects_and_completes(kubectl, nodes, namespace):
    common = {"accelerators": 8, "zone": "us-east-1a", "instance_type": "p3.16xlarge"}
    chosen = nodes.add("chosen", count=2, labels={"pool": "chosen"}, **common)
    nodes.add("other", count=2, labels={"pool": "other"}, **common)
    annotations = {"simulate.spillway.dev/run-seconds": "2"}
    kubectl.apply(
        job("train", replicas=2, annotations=annotations, selector={"pool": "chosen"}),
        f"--namespace={namespace}",
    )
    wait_until(
        lambda: "Complete" in job_conditions(kubectl, namespace, "train"),
        WAIT,
        "the job to complete",
    )
    ended = pods(kubectl, namespace, "train")
    assert sorted(pod["spec"]["nodeName"] for pod in ended) == chosen
    assert {pod["status"]["phase"] for pod in ended} == {"Succeeded"}


def test_pods_beyond_the_capacity_stay_pending_and_say_why(kubectl, nodes, namespace):
    nodes.add("small", count=1, accelerators=4, zone="us-east-1a", instance_type="p3.8xlarge")
    kubectl.apply(job("large", replicas=2, accelerators=4), f"--namespace={namespace}")

    def unschedulable():
        return [
            condition["message"]
            for pod in pods(kubectl, namespace, "large")
            for condition in pod["status"].get("conditions", [])
            if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable"
        ]

    messages = wait_until(unschedulable, WAIT, "the scheduler to find no room")
    assert len(messages) == 1
    assert "Insufficient nvidia.com/gpu" in messages[0]
    wait_until(
        lambda: phases(kubectl, namespace, "large") == ["Pending", "Running"],
        WAIT,
        "the other pod to run",
    )


def test_a_taint_keeps_pods_away_that_do_not_tolerate_it(kubectl, nodes, namespace):
    nodes.add(
        "tainted",
        count=1,
        accelerators=8,
        zone="us-east-1a",
        instance_type="p3.16xlarge",
        taints=[SPOT_TAINT],
    )
    kubectl.apply(job("intolerant"), f"--namespace={namespace}")
    wait_until(
        lambda: "untolerated taint" in json.dumps(pods(kubectl, namespace, "intolerant")),
        WAIT,
        "the scheduler's refusal",
    )


def test_a_pod_told_to_fail_fails_and_the_job_replaces_it(kubectl, nodes, namespace):
    nodes.add("node", count=1, accelerators=8, zone="us-east-1a", instance_type="p3.16xlarge")
    kubectl.apply(job("flaky", backoffLimit=3), f"--namespace={namespace}")
    [first] = wait_running(kubectl, namespace, "flaky", 1)
    name = first["metadata"]["name"]
    kubectl(
        "annotate", "pod", name, "simulate.spillway.dev/exit-code=3", f"--namespace={namespace}"
    )
    wait_until(
        lambda: phases(kubectl, namespace, "flaky") == ["Failed", "Running"],
        WAIT,
        "a second pod to run",
    )
    failed = kubectl.json("get", "pod", name, f"--namespace={namespace}")
    assert failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_a_job_fails_when_its_program_does(kubectl, nodes, namespace):
    nodes.add("node", count=1, accelerators=8, zone="us-east-1a", instance_type="p3.16xlarge")
    annotations = {"simulate.spillway.dev/run-seconds": "1", "simulate.spillway.dev/exit-code": "1"}
    kubectl.apply(
        job("broken", annotations=annotations, backoffLimit=0), f"--namespace={namespace}"
    )
    wait_until(
        lambda: "Failed" in job_conditions(kubectl, namespace, "broken"), WAIT, "the job to fail"
    )


def test_a_deleted_pod_takes_its_time_to_end(kubectl, nodes, namespace):
    nodes.add("node", count=1, accelerators=8, zone="us-east-1a", instance_type="p3.16xlarge")
    kubectl.apply(
        job("slow", annotations={"simulate.spillway.dev/stop-seconds": "10"}, backoffLimit=3),
        f"--namespace={namespace}",
    )
    [pod] = wait_running(kubectl, namespace, "slow", 1)
    name = pod["metadata"]["name"]
    kubectl("delete", "pod", name, "--wait=false", f"--namespace={namespace}")
    terminating = kubectl.json("get", "pod", name, f"--namespace={namespace}")
    assert terminating["metadata"]["deletionTimestamp"]
    assert terminating["status"]["phase"] == "Running"
    wait_until(
        lambda: kubectl.find("pod", name, f"--namespace={namespace}") is None,
        WAIT,
        "the deleted pod to be gone",
    )
    wait_running(kubectl, namespace, "slow", 1)


# Nodes that go


def test_a_silent_node_is_found_out_and_its_pods_neither_run_nor_end(kubectl, nodes, namespace):
    [lost] = nodes.add(
        "lost", count=1, accelerators=8, zone="us-east-1a", instance_type="p3.16xlarge"
    )
    kubectl.apply(job("stranded", backoffLimit=3), f"--namespace={namespace}")
    [pod] = wait_running(kubectl, namespace, "stranded", 1)
    nodes.lose(lost)
    wait_until(
        lambda: ready_status(kubectl, lost) == "Unknown",
        WAIT,
        "the node controller to miss the node",
    )
    wait_until(
        lambda: (
            "node.kubernetes.io/unreachable"
            in json.dumps(kubectl.json("get", "node", lost)["spec"])
        ),
        WAIT,
        "the taint of an unreachable node",
    )

    name = pod["metadata"]["name"]
    kubectl("delete", "pod", name, "--wait=false", f"--namespace={namespace}")
    stuck = kubectl.json("get", "pod", name, f"--namespace={namespace}")
    assert stuck["metadata"]["deletionTimestamp"]
    assert stuck["status"]["phase"] == "Running", "nobody is there to end it"

    nodes.bring_back(lost)
    wait_until(lambda: ready_status(kubectl, lost) == "True", WAIT, "the node to be ready again")
    wait_until(
        lambda: kubectl.find("pod", name, f"--namespace={namespace}") is None,
        WAIT,
        "the kubelet to end the pod",
    )


def test_pods_of_a_removed_node_are_orphans_until_they_are_deleted_by_force(
    kubectl, nodes, namespace
):
    [gone] = nodes.add(
        "gone", count=1, accelerators=8, zone="us-east-1a", instance_type="p3.16xlarge"
    )
    kubectl.apply(job("orphaned", backoffLimit=3), f"--namespace={namespace}")
    [pod] = wait_running(kubectl, namespace, "orphaned", 1)
    nodes.remove(gone)
    assert kubectl.find("node", gone) is None
    name = pod["metadata"]["name"]
    kubectl("delete", "pod", name, "--wait=false", f"--namespace={namespace}")
    assert kubectl.find("pod", name, f"--namespace={namespace}") is not None
    kubectl(
        "delete",
        "pod",
        name,
        "--force",
        "--grace-period=0",
        "--wait=false",
        f"--namespace={namespace}",
    )
    wait_until(
        lambda: [p["status"]["phase"] for p in pods(kubectl, namespace, "orphaned")] == ["Pending"],
        WAIT,
        "a replacement that waits for a node",
    )


# The API server


def test_the_api_server_comes_back_with_everything(cluster, kubectl, nodes, namespace):
    nodes.add("node", count=1, accelerators=8, zone="us-east-1a", instance_type="p3.16xlarge")
    kubectl.apply(job("before"), f"--namespace={namespace}")
    wait_running(kubectl, namespace, "before", 1)
    server, pid = cluster.server, cluster.status()["kube-apiserver"]

    cluster.kill("kube-apiserver")
    cluster.restart("kube-apiserver")

    assert cluster.server == server
    assert cluster.status()["kube-apiserver"] != pid
    assert phases(kubectl, namespace, "before") == ["Running"]
    kubectl("delete", "job", "before", f"--namespace={namespace}")
    annotations = {"simulate.spillway.dev/run-seconds": "1"}
    kubectl.apply(job("after", annotations=annotations), f"--namespace={namespace}")
    wait_until(
        lambda: "Complete" in job_conditions(kubectl, namespace, "after"),
        WAIT,
        "a job of afterwards to complete",
    )


def test_a_paused_api_server_takes_connections_and_does_not_answer(cluster):
    cluster.pause("kube-apiserver")
    try:
        with pytest.raises((TimeoutError, http.client.HTTPException)):
            cluster.api.request("GET", "/readyz", timeout=1)
    finally:
        cluster.resume("kube-apiserver")
    wait_until(
        lambda: cluster.api.request("GET", "/readyz")[0] == 200,
        WAIT,
        "the API server to answer again",
    )


# Access


@pytest.fixture
def reader(cluster, kubectl, namespace, tmp_path):
    """kubectl as a ServiceAccount that may read and create ConfigMaps in its namespace, and nothing
    else.
    """
    kubectl("create", "serviceaccount", "reader", f"--namespace={namespace}")
    kubectl(
        *(
            "create",
            "role",
            "reader",
            "--verb=get,list,create",
            "--resource=configmaps",
            f"--namespace={namespace}",
        )
    )
    kubectl(
        *(
            "create",
            "rolebinding",
            "reader",
            "--role=reader",
            f"--serviceaccount={namespace}:reader",
        ),
        f"--namespace={namespace}",
    )
    path = cluster.kubeconfig_for_service_account(
        namespace, "reader", tmp_path / "reader.kubeconfig"
    )
    account = Kubectl(path)
    wait_until(
        lambda: "yes" in account("auth", "can-i", "list", "configmaps"),
        WAIT,
        "the API server to know of the role",
    )
    return account


def test_a_service_account_has_the_rights_of_its_roles_and_no_others(reader, namespace):
    names = [item["metadata"]["name"] for item in reader.items("configmaps")]
    assert names == ["kube-root-ca.crt"], "the namespace of the kubeconfig is the ServiceAccount's"
    refusal = reader.refusal("get", "nodes")
    assert (
        f'User "system:serviceaccount:{namespace}:reader" cannot list resource "nodes"' in refusal
    )
    assert "Forbidden" in reader.refusal("get", "configmaps", "--namespace=default")
    assert "Forbidden" in reader.refusal("delete", "configmap", "kube-root-ca.crt")


def test_a_rotated_token_is_another_token_and_works(cluster, reader, namespace, tmp_path):
    path = tmp_path / "reader.kubeconfig"
    token_file = tmp_path / "reader.kubeconfig.token"
    before = token_file.read_text()
    cluster.kubeconfig_for_service_account(namespace, "reader", path)
    assert token_file.read_text() != before
    assert reader.items("configmaps")


def test_a_useless_token_is_refused(reader, tmp_path):
    (tmp_path / "reader.kubeconfig.token").write_text("useless")
    assert "Unauthorized" in reader.refusal("get", "configmaps")


def test_the_audit_log_lists_exactly_the_writes_of_a_service_account(
    cluster, kubectl, reader, namespace
):
    user = f"system:serviceaccount:{namespace}:reader"
    mark = cluster.audit.mark()
    kubectl("create", "configmap", "by-admin", f"--namespace={namespace}")
    reader("get", "configmaps")
    reader("create", "configmap", "first")
    reader.refusal("delete", "configmap", "first")

    writes = [str(write) for write in cluster.audit.writes(mark, user)]

    assert writes == [
        f"create configmaps {namespace}/first -> 201",
        f"delete configmaps {namespace}/first -> 403",
    ]
    verbs = {request.verb for request in cluster.audit.requests(mark, user)}
    assert "list" in verbs, "reads can be asked for as well"


# The whole


def test_a_cluster_stopped_and_started_again_remembers_everything(tmp_path):
    first = ControlPlane(tmp_path / "cluster", die_with_parent=True)
    with first:
        first.api.create(
            "/api/v1/namespaces/default/configmaps",
            {"metadata": {"name": "kept"}, "data": {"key": "value"}},
        )
        assert all(first.status().values())
    assert not any(first.status().values())

    again = ControlPlane(tmp_path / "cluster", die_with_parent=True)
    with again:
        assert again.api.get("/api/v1/namespaces/default/configmaps/kept")["data"] == {
            "key": "value"
        }
        assert again.server == first.server
