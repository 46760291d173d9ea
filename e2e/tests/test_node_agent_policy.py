"""The node agent may mark its own Node with a notice, and nothing else: on the real API server."""

import urllib.parse
import uuid

import pytest

from cluster import wait_until
from cluster.api import Api
from support.installation import NAMESPACE, render

AGENT = "spillway-node-agent"
TAINT = {"key": "spillway.dev/interruption", "value": "interruption", "effect": "NoSchedule"}
MARKS = {
    "spillway.dev/interruption-deadline": "2026-11-21T12:00:00Z",
    "spillway.dev/interruption-source": "aws-metadata",
}


def notice():
    return {"metadata": {"annotations": MARKS}, "spec": {"taints": [TAINT]}}


def token_on(cluster, node):
    """A token of the agent as the kubelet of that node would give it to its pod."""
    bound = {"apiVersion": "v1", "kind": "Node", **node}
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600, "boundObjectRef": bound},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{AGENT}/token"
    return cluster.api.create(path, request)["status"]["token"]


@pytest.fixture(scope="module")
def policy(cluster, kubectl):
    """Role, binding and policy of the chart, without the DaemonSet."""
    values = ("nodeAgent.enabled=true", "config.agent.image=registry.example/agent:1")
    settings = [argument for value in values for argument in ("--set", value)]
    objects = render(cluster.version, *settings)
    own = [o for o in objects if o["metadata"]["name"] == AGENT and o["kind"] != "DaemonSet"]
    assert {o["kind"] for o in own} == {
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    kubectl.apply(own, "--server-side", f"--namespace={NAMESPACE}")
    return own


@pytest.fixture
def agent(cluster, kubectl, nodes, policy):
    """Requests as the agent on the first of two nodes: agent(method, node, patch) -> (status, text)."""
    first, second = nodes.add("agents", count=2, accelerators=1, zone="a", instance_type="x")
    uid = kubectl.find("node", first)["metadata"]["uid"]
    token = token_on(cluster, {"name": first, "uid": uid})
    server = urllib.parse.urlsplit(cluster.server)
    api = Api(server.port, cluster.ca_file, token=token, host=server.hostname)

    def ask(patch, node=first, subresource="", method="PATCH"):
        path = f"/api/v1/nodes/{node}{subresource}"
        return api.request(method, path, patch, "application/merge-patch+json")

    # The policy is taken up a moment after it was applied; until then a change is let through, and
    # the same change again would be none.
    def refused():
        label = {"example.com/mine": uuid.uuid4().hex}
        return ask({"metadata": {"labels": label}})[0] == 422

    wait_until(refused, 60, "the API server to have taken up the policy")
    ask.first, ask.second = first, second
    return ask


def test_it_marks_its_own_node_and_takes_the_mark_away(agent, kubectl):
    status, text = agent(notice())
    assert status == 200, text
    node = kubectl.find("node", agent.first)
    assert [t["key"] for t in node["spec"]["taints"]].count(TAINT["key"]) == 1
    assert MARKS.items() <= node["metadata"]["annotations"].items()
    away = {"metadata": {"annotations": dict.fromkeys(MARKS)}, "spec": {"taints": None}}
    status, text = agent(away)
    assert status == 200, text


def test_it_may_not_mark_another_node(agent):
    status, text = agent(notice(), node=agent.second)
    assert status == 422 and "only change the Node that it runs on" in text


@pytest.mark.parametrize(
    ("patch", "complaint"),
    [
        ({"metadata": {"labels": {"node-role.kubernetes.io/x": ""}}}, "may not change labels"),
        ({"metadata": {"annotations": {"example.com/a": "b"}}}, "its own two annotations"),
        ({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}, "only change the taint"),
        ({"spec": {"unschedulable": True}}, "may not cordon"),
    ],
)
def test_it_may_change_nothing_else_of_its_node(agent, patch, complaint):
    status, text = agent(patch)
    assert status == 422 and complaint in text, text


def test_it_may_neither_report_nor_delete_a_node(agent):
    assert agent({"status": {"phase": "Running"}}, subresource="/status")[0] == 403
    assert agent(None, method="DELETE")[0] == 403
