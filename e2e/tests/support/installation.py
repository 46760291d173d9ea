"""Spillway as a user installs it: the CRDs and the chart, without the Deployment, whose program the
tests run.
"""

import subprocess

import yaml

from cluster import tools, wait_until

NAMESPACE = "spillway-system"
RELEASE = "spillway"
# What would need a kubelet, or Prometheus: not applied.
LEFT_OUT = {"Deployment", "ServiceMonitor"}


class Installation:
    """What was applied.

    `user` is the operator's name for the API server; `flags` are those of the chart's Deployment,
    `configuration` is the content of its configuration file.
    """

    def __init__(self, objects):
        deployment = _only(objects, "Deployment")
        configuration = _only(objects, "ConfigMap")
        self.namespace = NAMESPACE
        self.service_account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
        self.user = f"system:serviceaccount:{NAMESPACE}:{self.service_account}"
        self.flags = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        self.configuration = yaml.safe_load(configuration["data"]["config.yaml"])


def install(kubectl, kubernetes_version, *helm_arguments):
    """Applies crds/ and the rendered chart; returns when the CRDs are served and the policies hold."""
    crds = sorted((tools.ROOT / "crds").glob("*.yaml"))
    if not crds:
        raise AssertionError("there are no CRDs in crds/")
    files = [f"--filename={path}" for path in crds]
    kubectl("apply", "--server-side", *files)
    wait_established(kubectl, *files)
    objects = render(kubernetes_version, *helm_arguments)
    left_out = LEFT_OUT | {"CustomResourceDefinition"}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    applied = [manifest for manifest in objects if manifest["kind"] not in left_out]
    kubectl.apply(applied, "--server-side", f"--namespace={NAMESPACE}")
    late = (tools.ROOT / "e2e/bad/trainingjob-deadline-in-the-past.yaml").read_text()
    wait_until(
        lambda: kubectl.refusal("create", "--dry-run=server", "--filename=-", stdin=late),
        30,
        "the API server to have taken up the admission policy",
    )
    return Installation(objects)


def wait_established(kubectl, *crds):
    """Returns when the API server serves these CRDs, given by name or as --filename=..."""

    def established():  # kubectl refuses to wait for a CRD that has no conditions yet
        return kubectl("wait", "--for=condition=Established", "--timeout=30s", *crds)

    wait_until(established, 30, "the CRDs to be established")


def render(kubernetes_version, *helm_arguments):
    """The objects of the chart."""
    command = [
        *(tools.path("helm"), "template", RELEASE, str(tools.ROOT / "charts/spillway")),
        *(f"--namespace={NAMESPACE}", f"--kube-version={kubernetes_version}"),
        *("--set", "image.repository=registry.example/spillway-operator"),
        *helm_arguments,
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"helm template: {result.stderr.strip()}")
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def _only(objects, kind):
    found = [manifest for manifest in objects if manifest["kind"] == kind]
    if len(found) != 1:
        names = [manifest["metadata"]["name"] for manifest in found]
        raise AssertionError(f"the chart should render one {kind}; it renders {names}")
    return found[0]
