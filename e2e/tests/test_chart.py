"""The chart: what it renders, what it refuses, and what the API server makes of it."""

import datetime
import json

import pytest

from cluster import tools
from support.installation import NAMESPACE, render

READING = {"get", "list", "watch"}


@pytest.fixture(scope="module")
def version(cluster):
    return cluster.version


def rendered(version, kind, *helm_arguments):
    return [o for o in render(version, *helm_arguments) if o["kind"] == kind]


def operator_rules(version, *helm_arguments):
    roles = rendered(version, "ClusterRole", *helm_arguments)
    return next(r for r in roles if r["metadata"]["name"] == "spillway-operator")["rules"]


# CRDs


def test_the_crds_of_the_chart_are_those_of_the_repository(version):
    files = sorted((tools.ROOT / "crds").glob("*.yaml"))
    link = tools.ROOT / "charts/spillway/files/crds"
    assert link.is_symlink() and link.resolve() == tools.ROOT / "crds"
    kept = rendered(version, "CustomResourceDefinition")
    assert len(kept) == len(files) > 0
    for crd in kept:
        assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert kept == rendered(version, "CustomResourceDefinition", "--set", "crds.keep=false")


def test_crds_can_be_left_to_somebody_else(version):
    assert not rendered(version, "CustomResourceDefinition", "--set", "crds.enabled=false")


# Rights


def test_the_operator_asks_for_no_wildcard_and_no_secret(version):
    for rule in operator_rules(version):
        values = rule["apiGroups"] + rule["resources"] + rule["verbs"]
        assert "*" not in values and "secrets" not in values and "escalate" not in values


def test_an_observer_writes_only_status_and_events(version):
    for rule in operator_rules(version, "--set", "observe=true"):
        writes = set(rule["verbs"]) - READING
        allowed = all(r.endswith("/status") or r == "events" for r in rule["resources"])
        assert allowed or not writes, rule
    deployment = rendered(version, "Deployment", "--set", "observe=true")[0]
    assert "--observe" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]


def may(kubectl, user, verb, resource, *, name="", namespace="default"):
    """Whether the API server lets this user do that; resource is group/resource[/subresource]."""
    group, resource, *subresource = resource.split("/")
    attributes = {"group": group, "resource": resource, "verb": verb, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": attributes
            | {"name": name, "subresource": "".join(subresource)},
        },
    }
    answer = kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review))
    return json.loads(answer)["status"]["allowed"]


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("create", "batch/jobs", True),
        ("patch", "spillway.dev/trainingjobs/status", True),
        ("patch", "spillway.dev/trainingjobs", True),  # its finalizer
        ("patch", "spillway.dev/inferencepools", False),
        ("delete", "spillway.dev/trainingjobs", True),  # ttlSecondsAfterFinished
        ("delete", "spillway.dev/inferencepools", False),
        ("get", "/secrets", False),
        ("create", "/pods", False),
        ("delete", "/nodes", False),
    ],
)
def test_the_service_account_may_do_its_work_and_no_more(
    kubectl, installation, verb, resource, allowed
):
    assert may(kubectl, installation.user, verb, resource) is allowed


def test_leases_are_writable_in_the_own_namespace_alone(kubectl, installation):
    lease = ("update", "coordination.k8s.io/leases")
    own = {"name": "spillway-operator", "namespace": NAMESPACE}
    assert may(kubectl, installation.user, *lease, **own)
    assert not may(kubectl, installation.user, *lease, **own | {"namespace": "kube-system"})
    assert not may(kubectl, installation.user, *lease, **own | {"name": "another"})


# The pod


def test_its_pod_is_admitted_where_pod_security_is_restricted(kubectl, namespace, version):
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    deployment = rendered(version, "Deployment", "--set", "aws.credentialsSecret=aws")[0]
    template = deployment["spec"]["template"]
    kubectl("create", "serviceaccount", template["spec"]["serviceAccountName"], f"-n={namespace}")
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"]["name"] = "operator"
    kubectl.apply(pod, "--dry-run=server", f"--namespace={namespace}")
    container = pod["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert set(container["resources"]) == {"requests", "limits"}


# Values


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("config.placement.minRun=soon", "minRun"),
        ("config.placement.moveMargin=15", "moveMargin"),
        ("config.feeds[0].name=a", "feeds/0"),
        ("image.tag=latest", "tag"),
        ("replica=2", "replica"),
        ("files.config\\.yaml=x", "config.yaml"),
    ],
)
def test_values_that_make_no_sense_are_refused(version, value, complaint):
    with pytest.raises(AssertionError, match=complaint):
        render(version, "--set", value)


def test_an_installation_without_an_image_is_refused_with_what_to_write(version):
    with pytest.raises(AssertionError, match="image.repository is empty; write"):
        render(version, "--set", "image.repository=")


# The deadline policy


def training_job(name, deadline):
    container = {"name": "trainer", "image": "registry.example/trainer:1"}
    return {
        "apiVersion": "spillway.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "duration": "1h",
            "deadline": deadline,
            "suspend": True,
            "accelerator": {"models": [{"name": "V100"}], "perReplica": 1},
            "template": {"spec": {"containers": [container]}},
        },
    }


def in_hours(hours):
    instant = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.usefixtures("installation")
def test_a_deadline_that_has_passed_is_refused_with_what_to_write(kubectl, namespace):
    for flags in ((), ("--dry-run=server",), ("--server-side",)):
        with pytest.raises(AssertionError, match="is not after the creation of the job") as refusal:
            kubectl.apply(training_job("late", in_hours(-1)), f"--namespace={namespace}", *flags)
        assert "write a later instant, such as" in str(refusal.value)


@pytest.mark.usefixtures("installation")
def test_a_deadline_ahead_is_taken_and_the_job_stays_writable(kubectl, namespace):
    kubectl.apply(training_job("timely", in_hours(3)), f"--namespace={namespace}")
    patch = ("patch", "trainingjob", "timely", f"-n={namespace}", "--type=merge", "--patch")
    kubectl(*patch, '{"spec": {"maxRestarts": 5}}')
    refusal = kubectl.refusal(*patch, '{"spec": {"deadline": "%s"}}' % in_hours(-1))
    assert "is not after the creation of the job" in refusal
    kubectl(*patch, '{"spec": {"deadline": null}}')
