"""One test's world: pools with nodes, workloads, a market and an operator that see only each other.

Pools belong to no namespace, so worlds are kept apart by an accelerator model of their own: work of
one world can never be placed on a pool of another.
"""

import datetime
import uuid

from cluster import wait_until

from . import manifests
from .history import History
from .market import Market

GROUP = "/apis/spillway.dev/v1alpha1"
POOL_LABEL = "e2e.spillway.dev/pool"
# Times that make a test of minutes one of seconds. Nothing else is changed.
QUICK = {"moveMarginPercent": 15, "minRun": "1s", "restartDelay": "1s"}
WAIT = 60  # seconds: far above what is needed, for machines that do other work


def parse_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def seconds_since(text):
    return (now() - parse_time(text)).total_seconds()


def condition(status, kind):
    """The condition of that type, or None."""
    return next((c for c in status.get("conditions", []) if c["type"] == kind), None)


def is_true(status, kind):
    found = condition(status, kind)
    return found is not None and found["status"] == "True"


class World:
    def __init__(self, cluster, kubectl, namespace, nodes, servers, operators, directory):
        self.cluster = cluster
        self.kubectl = kubectl
        self.namespace = namespace
        self.nodes = nodes
        self.api = cluster.api
        self.market = None
        self.operator = None
        self.id = uuid.uuid4().hex[:6]
        self.model = f"V100-{self.id}"
        self._start_server = servers
        self._start_operator = operators
        self._directory = directory
        self._histories = []
        self._marked = cluster.audit.mark()

    # The stage

    def open_market(self, prices, **options):
        """Zone -> [(minute, price)]; before the operator is started."""
        self.market = Market(self._start_server, self._directory, prices, **options)
        return self.market

    def start_operator(
        self, *flags, placement=None, instance="operator", more_configuration=None, **options
    ):
        configuration = {"placement": {**QUICK, **(placement or {})}, **(more_configuration or {})}
        if self.market:
            configuration["feeds"] = self.market.feeds()
        operator = self._start_operator(
            *flags, instance=instance, configuration=configuration, **options
        )
        self.operator = self.operator or operator
        return operator

    def pool(self, name, *, tier, zone, nodes=0, max_nodes=None, taints=(), **options):
        """Creates a CapacityPool and its nodes. Without `fixed` its price is that of the market."""
        full = self.pool_name(name)
        tolerations = [
            {"key": taint["key"], "operator": "Exists", "effect": taint["effect"]}
            for taint in taints
        ]
        if "fixed" not in options:
            options.setdefault("feed", f"aws-{zone[:-1]}")
        manifest = manifests.capacity_pool(
            full,
            tier=tier,
            model=options.pop("model", self.model),
            zone=zone,
            selector={POOL_LABEL: full},
            max_nodes=nodes if max_nodes is None else max_nodes,
            tolerations=tolerations,
            **options,
        )
        self.api.create(f"{GROUP}/capacitypools", manifest)
        if nodes:
            self.add_nodes(name, nodes, taints=taints)
        return Pool(self, full)

    def add_nodes(self, name, count, taints=()):
        full = self.pool_name(name)
        spec = self.api.get(f"{GROUP}/capacitypools/{full}")["spec"]
        return self.nodes.add(
            full,
            count=count,
            accelerators=spec["accelerator"]["perNode"],
            zone=spec["location"]["zone"],
            instance_type=spec["instanceType"],
            labels={POOL_LABEL: full},
            taints=list(taints),
        )

    def pool_name(self, name):
        return f"{name}-{self.id}"

    def wait_pass(self, timeout=WAIT):
        """Returns after a whole pass of the operator that began after the call.

        An annotation on a pool makes it look; of two passes the second began afterwards.
        """
        for _ in range(2):
            before = self.operator.metric("spillway_passes_total")
            pool = self.list(f"{GROUP}/capacitypools")[0]["metadata"]["name"]
            touched = {"metadata": {"annotations": {"e2e.spillway.dev/look": uuid.uuid4().hex}}}
            self.api.patch(f"{GROUP}/capacitypools/{pool}", touched)
            wait_until(
                lambda seen=before: self.operator.metric("spillway_passes_total") > seen,
                timeout,
                "the operator to make a pass",
            )

    # Workloads

    def train(self, name, **options):
        manifest = manifests.training_job(name, **{"model": self.model, **options})
        self.api.create(self.path("trainingjobs"), manifest)
        return Training(self, name)

    def serve(self, name, **options):
        manifest = manifests.inference_pool(name, **{"model": self.model, **options})
        self.api.create(self.path("inferencepools"), manifest)
        return Inference(self, name)

    def training(self, name):
        """A TrainingJob that is there already."""
        return Training(self, name)

    # What there is

    def path(self, plural):
        return f"{GROUP}/namespaces/{self.namespace}/{plural}"

    def list(self, path, selector=None):
        query = f"?labelSelector={selector}" if selector else ""
        return self.api.get(path + query)["items"]

    def jobs(self, selector=None):
        return self.list(f"/apis/batch/v1/namespaces/{self.namespace}/jobs", selector)

    def pods(self, selector=None):
        return self.list(f"/api/v1/namespaces/{self.namespace}/pods", selector)

    def services(self, selector=None):
        return self.list(f"/api/v1/namespaces/{self.namespace}/services", selector)

    def deployments(self, selector=None):
        return self.list(f"/apis/apps/v1/namespaces/{self.namespace}/deployments", selector)

    def budgets(self):
        return self.list(f"/apis/policy/v1/namespaces/{self.namespace}/poddisruptionbudgets")

    def events(self, name=None, reason=None):
        found = self.list(f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")
        return [
            event
            for event in found
            if (name is None or event["regarding"]["name"] == name)
            and (reason is None or event["reason"] == reason)
        ]

    def record(self, more_kinds=None):
        """Starts to record Jobs and Pods of the namespace; closed with the world."""
        history = History(self.api, self.namespace, more_kinds)
        self._histories.append(history)
        return history

    def writes(self, since=None):
        """The operator's mutating requests on objects of this world: of its namespace, and on its
        pools.
        """
        mark = self._marked if since is None else since
        return [
            write
            for write in self.operator.writes(mark)
            if write.namespace == self.namespace or write.name.endswith(self.id)
        ]

    # For the reader of a test's output

    def show(self, title):
        """Prints what a user would see; in the report of a test that passes as well."""
        print(f"\n--- {title}")
        print(
            self.kubectl(
                "get", "trainingjobs,inferencepools", f"-n={self.namespace}", "-o", "wide"
            ).rstrip()
            or "(no workloads)"
        )
        print(self.kubectl("get", "capacitypools", "-o", "wide").rstrip())

    def close(self):
        for history in self._histories:
            history.close()


class Object:
    """A resource of Spillway's, by name."""

    plural = ""

    def __init__(self, world, name):
        self.world = world
        self.name = name

    @property
    def path(self):
        return f"{self.world.path(self.plural)}/{self.name}"

    def get(self):
        return self.world.api.get(self.path)

    @property
    def status(self):
        return self.get().get("status", {})

    def condition(self, kind):
        return condition(self.status, kind)

    def patch(self, body):
        return self.world.api.patch(self.path, body)

    def delete(self):
        return self.world.api.delete(self.path)

    def wait(self, holds, what, timeout=WAIT):
        """Waits until `holds(status)`; returns the status. A failure shows the last status."""

        def look():
            status = self.status
            assert holds(status), f"status: {status}"
            return status

        return wait_until(look, timeout, f"{self.plural} {self.name} {what}")

    def wait_condition(self, kind, wanted="True", reason=None, timeout=WAIT):
        def holds(status):
            found = condition(status, kind)
            return (
                found is not None
                and found["status"] == wanted
                and (reason is None or found["reason"] == reason)
            )

        text = f"to have the condition {kind}={wanted}" + (f" ({reason})" if reason else "")
        return self.wait(holds, text, timeout)


class Pool(Object):
    plural = "capacitypools"

    @property
    def path(self):
        return f"{GROUP}/capacitypools/{self.name}"

    def wait_price(self, price, quality="Live", timeout=WAIT):
        def holds(status):
            shown = status.get("price", {})
            return shown.get("quality") == quality and shown.get("perNodeHour") == price

        return self.wait(holds, f"to show the price {price}, {quality}", timeout)


class Training(Object):
    plural = "trainingjobs"

    @property
    def selector(self):
        return f"spillway.dev/training-job={self.name}"

    def jobs(self):
        return self.world.jobs(self.selector)

    def pods(self, attempt=None):
        suffix = f",spillway.dev/attempt={attempt}" if attempt else ""
        return self.world.pods(self.selector + suffix)

    def wait_running(self, pool=None, attempt=None, timeout=WAIT):
        def holds(status):
            placement = status.get("placement", {})
            return (
                status.get("phase") == "Running"
                and (pool is None or placement.get("pool") == pool.name)
                and (attempt is None or placement.get("attempt") == attempt)
            )

        where = f" on {pool.name}" if pool else ""
        number = f" as attempt {attempt}" if attempt else ""
        return self.wait(holds, f"to run{where}{number}", timeout)

    def nodes_of_pods(self, attempt=None):
        return sorted(pod["spec"].get("nodeName", "") for pod in self.pods(attempt))


class Inference(Object):
    plural = "inferencepools"

    @property
    def selector(self):
        return f"spillway.dev/inference-pool={self.name}"

    def deployments(self):
        return self.world.deployments(self.selector)

    def pods(self):
        return self.world.pods(self.selector)

    def scale(self):
        return self.world.api.get(f"{self.path}/scale")

    def patch_scale(self, replicas):
        """As an autoscaler writes it."""
        return self.world.api.patch(f"{self.path}/scale", {"spec": {"replicas": replicas}})

    def wait_ready(self, replicas, timeout=WAIT):
        def holds(status):
            return (
                status.get("readyReplicas") == replicas
                and sum(tier["desired"] for tier in status.get("tiers", [])) == replicas
            )

        return self.wait(holds, f"to have {replicas} ready replicas", timeout)

    @staticmethod
    def by_tier(status):
        """Tier -> desired replicas."""
        counts = {}
        for tier in status.get("tiers", []):
            counts[tier["tier"]] = counts.get(tier["tier"], 0) + tier["desired"]
        return counts
