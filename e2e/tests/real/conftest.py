"""The fixtures of the tests on real nodes: a cluster of their own, with kubelets and containers.

`cluster` and what a session makes on it are those of this folder; everything else is as in the
folder above.
"""

import json
import shutil

import pytest

from cluster import ControlPlane, Machines, Network
from cluster.machine import missing
from support import agent
from support.forms import held_to_the_script
from support.installation import install
from support.kubectl import Kubectl
from support.object_store import ObjectStore
from support.programs import built
from support.real_world import RealPool
from support.trainer import Gang

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
def requests(cluster):
    """What is asked is looked at when all tests are over (support/forms.py)."""
    yield from held_to_the_script(cluster.audit)


@pytest.fixture(scope="session")
def kubectl(cluster, requests):
    """kubectl as the administrator."""
    return Kubectl(cluster.kubeconfig)


@pytest.fixture(scope="session")
def installation(cluster, kubectl, agent_image):
    """CRDs, ServiceAccount and rights of the chart, those for checkpoints included; the agent on
    every node, with what holds it to its own Node.
    """
    some_store = json.dumps([{"name": "any", "bucket": "any-bucket"}])
    values = ["--set-json", f"config.stores={some_store}"]
    values += ["--set", f"nodeAgent.enabled=true,config.agent.image={agent_image}"]
    made = install(kubectl, cluster.version, *values)
    made.configuration["stores"] = []  # each test names its own
    return made


@pytest.fixture(scope="session")
def real_nodes(cluster):
    with Machines(cluster, built("spillway-pause"), die_with_parent=True) as started:
        yield started


@pytest.fixture
def machines(real_nodes):
    """The real nodes: each test finds node-a and node-b, and those alone."""
    real_nodes.keep("node-a", "node-b")
    return real_nodes


@pytest.fixture(scope="session")
def trainer_image(real_nodes):
    """The name of the trainer's image, on every node."""
    return real_nodes.load_image("spillway.dev/trainer:1", built("spillway-trainer"))


@pytest.fixture(scope="session")
def agent_image(real_nodes):
    """The name of the agent's image, on every node."""
    return real_nodes.load_image("spillway.dev/agent:1", built("spillway-agent"))


@pytest.fixture
def expected_weights(tmp_path):
    """expected_weights(*flags, ranks=2) -> the fingerprint that a gang ends with when nothing
    interrupts it: processes of this machine, no cluster at all.
    """

    def run(*flags, ranks=2):
        for rank in range(ranks):
            (tmp_path / "undisturbed" / str(rank)).mkdir(parents=True)
        directory = f"--directory={tmp_path}/undisturbed/{{rank}}"
        gang = Gang(tmp_path / "undisturbed", 1, ranks, [*flags, directory])
        assert gang.wait_end() == [0] * ranks
        return gang.journal(0).fingerprint

    return run


@pytest.fixture(scope="session")
def busybox(real_nodes):
    """The name of an image with a shell, small tools and curl, on every node."""
    programs = [shutil.which(name) for name in ("busybox", "curl")]
    if None in programs:
        pytest.skip("busybox or curl is missing: run `scripts/setup test`")
    return real_nodes.load_image(BUSYBOX_IMAGE, *programs)


@pytest.fixture
def store(cluster, tmp_path):
    """A store that the pods reach, with the bucket of the tests."""
    started = ObjectStore(tmp_path, cluster.address).start()
    started.make_bucket(agent.BUCKET)
    yield started
    started.stop()


@pytest.fixture
def pool(world, machines):
    """Three nodes of one spot pool."""
    made = RealPool(world, machines, "spot", tier="Spot", zone="us-east-1a", fixed="1.00")
    made.take("node-a", "node-b", "node-c")
    yield made
    made.close()
