"""The fixtures of the tests on real nodes: a cluster of their own, with kubelets and containers.

`cluster` and what a session makes on it are those of this folder; everything else is as in the
folder above.
"""

import shutil

import pytest

from cluster import ControlPlane, Machines, Network
from cluster.machine import missing
from support.installation import install
from support.kubectl import Kubectl
from support.programs import built

BUSYBOX_IMAGE = "spillway.dev/busybox:1"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A control plane that real nodes reach."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("real")
    network = Network.create(directory)
    try:
        with ControlPlane(directory, die_with_parent=True, network=network) as started:
            yield started
    finally:
        network.remove()


@pytest.fixture(scope="session")
def kubectl(cluster):
    """kubectl as the administrator."""
    return Kubectl(cluster.kubeconfig)


@pytest.fixture(scope="session")
def installation(cluster, kubectl):
    """CRDs, ServiceAccount and rights of the chart."""
    return install(kubectl, cluster.version)


@pytest.fixture(scope="session")
def machines(cluster):
    """The real nodes; two at first, node-a and node-b."""
    with Machines(cluster, built("spillway-pause"), die_with_parent=True) as started:
        started.add("node-a")
        started.add("node-b")
        yield started


@pytest.fixture(scope="session")
def trainer_image(machines):
    """The name of the trainer's image, on every node."""
    return machines.load_image("spillway.dev/trainer:1", built("spillway-trainer"))


@pytest.fixture(scope="session")
def busybox(machines):
    """The name of an image with a shell, small tools and curl, on every node."""
    programs = [shutil.which(name) for name in ("busybox", "curl")]
    if None in programs:
        pytest.skip("busybox or curl is missing: run `scripts/setup test`")
    return machines.load_image(BUSYBOX_IMAGE, *programs)
