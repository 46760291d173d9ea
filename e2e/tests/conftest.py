"""The fixtures of the end-to-end tests; e2e/README.md lists them."""

import json
import uuid

import pytest

from cluster import ControlPlane
from support.forms import held_to_the_script
from support.installation import install
from support.kubectl import Kubectl
from support.plugin import Plugin
from support.programs import MarketServer, Operator
from support.world import World


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The control plane, one for all tests."""
    with ControlPlane(tmp_path_factory.mktemp("cluster"), die_with_parent=True) as started:
        yield started


@pytest.fixture(scope="session")
def requests(cluster):
    """What is asked is looked at when all tests are over (support/forms.py)."""
    yield from held_to_the_script(cluster.audit)


@pytest.fixture(scope="session")
def kubectl(cluster, requests):
    """kubectl as the administrator."""
    return Kubectl(cluster.kubeconfig)


@pytest.fixture
def namespace(cluster, kubectl):
    """A namespace of the test's own, deleted afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl(
        "wait", "--for=create", "serviceaccount/default", f"--namespace={name}", "--timeout=30s"
    )
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def nodes(cluster, kubectl):
    """Adds, loses and removes simulated nodes; those of the test are gone afterwards.

    nodes.add takes what ControlPlane.add_gpu_nodes takes.
    """
    helper = _Nodes(cluster)
    yield helper
    if helper.added:
        # Pods of dead kubelets would stay for ever.
        for pod in kubectl.items("pods", "--all-namespaces"):
            if pod["spec"].get("nodeName") in helper.added:
                kubectl(
                    *(
                        "delete",
                        "pod",
                        pod["metadata"]["name"],
                        f"--namespace={pod['metadata']['namespace']}",
                    ),
                    *("--force", "--grace-period=0", "--ignore-not-found", "--wait=false"),
                )
        kubectl("delete", "nodes", "--ignore-not-found", *sorted(helper.added))


class _Nodes:
    def __init__(self, cluster):
        self._cluster = cluster
        self.added = set()
        self.lose = cluster.lose_node
        self.bring_back = cluster.return_node
        self.remove = cluster.remove_node

    def add(self, prefix, **options):
        names = self._cluster.add_gpu_nodes(prefix, **options)
        self.added.update(names)
        return names


@pytest.fixture(scope="session")
def installation(cluster, kubectl):
    """CRDs, ServiceAccount and rights of the chart, as with a store for checkpoints."""
    stores = json.dumps([{"name": "any", "bucket": "any-bucket"}])
    return install(kubectl, cluster.version, "--set-json", f"config.stores={stores}")


@pytest.fixture
def start_operator(cluster, installation, tmp_path, kubectl):
    """start_operator(*flags, instance="operator", configuration={}, wait_ready=True) -> Operator.

    Afterwards the operators are stopped, in order, and unexpected ERROR lines of their logs fail
    the test. Pools, which belong to no namespace, are deleted.
    """
    operators = []

    def start(*flags, instance="operator", configuration=None, wait_ready=True):
        operator = Operator(cluster, installation, tmp_path, instance, configuration)
        operators.append(operator)
        return operator.start(*flags, wait_ready=wait_ready)

    yield start
    try:
        for operator in operators:
            operator.stop()
    finally:
        for operator in operators:
            operator.process.kill()
        kubectl("delete", "capacitypools", "--all", "--wait=false")
    unexpected = [line for operator in operators for line in operator.unexpected_errors()]
    assert not unexpected, "unexpected errors in the operator's log:\n" + "\n".join(unexpected)


@pytest.fixture
def operator(start_operator):
    """A running, ready operator."""
    return start_operator()


@pytest.fixture
def start_market_server(tmp_path):
    """start_market_server(prices, at, speed=1, *flags) -> MarketServer, stopped afterwards."""
    servers = []

    def start(prices, at, speed=1, *flags):
        server = MarketServer(tmp_path, f"market-server-{len(servers)}")
        servers.append(server)
        return server.start(prices, at, speed, *flags)

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def world(cluster, kubectl, namespace, nodes, start_market_server, start_operator, tmp_path):
    """Pools, workloads, a market and an operator of the test's own (support/world.py).

    When the test is over its state is printed, and no attempt may ever have overlapped another.
    """
    servers, operators = start_market_server, start_operator
    made = World(cluster, kubectl, namespace, nodes, servers, operators, tmp_path)
    yield made
    made.show("at the end")
    made.close()


@pytest.fixture
def start_plugin(cluster, kubectl, namespace, tmp_path):
    """start_plugin(name, role) -> Plugin: a user with the rights of that ClusterRole, or none."""
    bindings = []

    def start(name, role=None):
        kubectl("create", "serviceaccount", name, f"--namespace={namespace}")
        if role:
            kubectl.apply(role)
            binding = f"{name}-{namespace}"
            kubectl(
                *("create", "clusterrolebinding", binding),
                f"--clusterrole={role['metadata']['name']}",
                f"--serviceaccount={namespace}:{name}",
            )
            bindings.append(binding)
        path = cluster.kubeconfig_for_service_account(
            namespace, name, tmp_path / f"{name}.kubeconfig"
        )
        user = f"system:serviceaccount:{namespace}:{name}"
        return Plugin(path, user, cluster.audit)

    yield start
    for binding in bindings:
        kubectl("delete", "clusterrolebinding", binding)
