"""Spillway as a user installs it: the CRDs and the chart, without the Deployment, whose program the
tests run.
"""

import pathlib
import subprocess

import yaml

from cluster import tools

NAMESPACE = "spillway-system"
RELEASE = "spillway"
# What would need a kubelet, or Prometheus: not applied.
LEFT_OUT = {"Deployment", "ServiceMonitor"}


class Installation:
    """What was applied; `user` is the operator's name for the API server."""

    def __init__(self, objects):
        self.objects = objects
        accounts = [o["metadata"]["name"] for o in objects if o["kind"] == "ServiceAccount"]
        if len(accounts) != 1:
            raise AssertionError(
                f"the chart should render one ServiceAccount; it renders {accounts}"
            )
        self.namespace = NAMESPACE
        self.service_account = accounts[0]
        self.user = f"system:serviceaccount:{NAMESPACE}:{self.service_account}"


def install(kubectl, *helm_arguments):
    """Applies crds/ and the rendered chart; returns when the CRDs are served."""
    crds = sorted(pathlib.Path(tools.ROOT / "crds").glob("*.yaml"))
    if not crds:
        raise AssertionError("there are no CRDs in crds/")
    kubectl("apply", "--server-side", *(f"--filename={path}" for path in crds))
    kubectl(
        "wait",
        "--for=condition=Established",
        "--timeout=30s",
        *(f"--filename={path}" for path in crds),
    )
    objects = [
        o
        for o in render(*helm_arguments)
        if o["kind"] not in LEFT_OUT | {"CustomResourceDefinition"}
    ]
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    kubectl.apply(objects, "--server-side", f"--namespace={NAMESPACE}")
    return Installation(objects)


def render(*helm_arguments):
    """The objects of the chart."""
    command = [
        tools.path("helm"),
        "template",
        RELEASE,
        tools.ROOT / "charts/spillway",
        f"--namespace={NAMESPACE}",
        f"--kube-version={tools.version('kube-apiserver')}",
        "--set=image.repository=not-run-by-a-kubelet",
    ]
    result = subprocess.run([*map(str, command), *helm_arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"helm template: {result.stderr.strip()}")
    return [document for document in yaml.safe_load_all(result.stdout) if document]
