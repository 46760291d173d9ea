"""The measurement of bench/notice-burst."""

import argparse
import collections
import concurrent.futures
import datetime
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import sys
import tempfile
import time

import notice_burst_pods
from cluster import ControlPlane, Process, nodes, wait_until
from support import agent, manifests
from support.installation import install
from support.kubectl import Kubectl
from support.object_store import ObjectStore
from support.programs import Operator, http_get
from support.world import GROUP, POOL_LABEL

NAMESPACE = "burst"
MODEL = "V100"
ZONE = "us-east-1a"
NOTICE = 120  # seconds
TAINT = {"key": "spillway.dev/interruption", "value": "interruption", "effect": "NoSchedule"}
SETTING_UP = 600  # seconds: far above what is needed
LATE = 60  # seconds after which a request that is not there is missing
COUNTS = (
    "passes_total",
    "checkpoint_looks_total",
    "save_requests_total",
    "save_request_failures_total",
    "api_throttled_seconds_total",
    "events_dropped_total",
)
TICKS = os.sysconf("SC_CLK_TCK")
CHECKPOINT = {
    "store": agent.STORE,
    "mode": "Agent",
    "format": "SuccessFile",
    "directory": "/checkpoints",
    "trigger": {"signal": "SIGUSR1"},
    "interval": "15m",
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def percentile(values, share):
    return sorted(values)[math.ceil(share * len(values)) - 1]


class Usage:
    """What a process has used so far."""

    def __init__(self, pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.processor = (int(fields[11]) + int(fields[12])) / TICKS
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
        self.at = time.monotonic()


class Stage:
    """A cluster, a store and an operator, and jobs that run on a node each."""

    def __init__(self, directory, jobs, cluster):
        self.directory, self.jobs, self.cluster = directory, jobs, cluster
        self.api = cluster.api
        self.kubectl = Kubectl(cluster.kubeconfig)
        self.store = ObjectStore(directory)
        self.pods = Process(directory, "pods")
        self.operator = None

    def start(self):
        values = [
            "--set-json",
            f"config.stores={json.dumps([{'name': 'any', 'bucket': 'any-bucket'}])}",
        ]
        installation = install(self.kubectl, self.cluster.version, *values)
        self.kubectl("create", "namespace", NAMESPACE)
        self.store.start()
        self.store.make_bucket(agent.BUCKET)
        self.pods.start(
            [sys.executable, "-B", notice_burst_pods.__file__],
            dict(os.environ),
            die_with_parent=True,
        )
        wait_until(lambda: self.taken() == {}, 30, "the pods' server")
        configuration = agent.configuration(
            self.store, self.directory, "registry.example/spillway-agent:1"
        )
        self._create_nodes()
        self.operator = Operator(
            self.cluster, installation, self.directory, configuration=configuration
        ).start()
        self._create_jobs()

    def _create(self, objects):
        """Four at a time, each kubectl over one connection."""

        def create(part):
            listed = {"apiVersion": "v1", "kind": "List", "items": objects[part::4]}
            self.kubectl(
                "create",
                "--filename=-",
                f"--namespace={NAMESPACE}",
                "--validate=false",
                stdin=json.dumps(listed),
                timeout=SETTING_UP,
            )

        with concurrent.futures.ThreadPoolExecutor(4) as workers:
            list(workers.map(create, range(4)))

    def _create_nodes(self):
        pool = manifests.capacity_pool(
            "spot",
            tier="Spot",
            model=MODEL,
            zone=ZONE,
            selector={POOL_LABEL: "spot"},
            max_nodes=2 * self.jobs,
            fixed="1.00",
        )
        self.api.create(f"{GROUP}/capacitypools", pool)
        self._create(
            [
                nodes.gpu_node(
                    f"spot-{number}",
                    accelerators=1,
                    zone=ZONE,
                    instance_type="p3.2xlarge",
                    labels={POOL_LABEL: "spot"},
                    taints=(),
                    resource="nvidia.com/gpu",
                    cpu=96,
                    memory="1Ti",
                    kubelet_version=self.cluster.version,
                )
                for number in range(self.jobs)
            ]
        )
        say(f"{self.jobs} nodes are made")

        def all_ready():
            listed = self.api.get("/api/v1/nodes")["items"]
            return sum(map(nodes.is_ready, listed)) == self.jobs

        wait_until(all_ready, SETTING_UP, "the nodes to be ready", poll_seconds=3)

    def _create_jobs(self):
        started = time.monotonic()
        self._create(
            [
                manifests.training_job(
                    f"job-{number}", model=MODEL, checkpoint=CHECKPOINT, duration="24h"
                )
                for number in range(self.jobs)
            ]
        )
        say(f"{self.jobs} jobs are made")

        def all_run():
            jobs = self.api.get(f"{GROUP}/namespaces/{NAMESPACE}/trainingjobs?resourceVersion=0")[
                "items"
            ]
            phases = collections.Counter(job.get("status", {}).get("phase", "") for job in jobs)
            assert phases["Running"] == self.jobs, f"phases: {dict(phases)}"
            return True

        wait_until(all_run, SETTING_UP, "the jobs to run", poll_seconds=3)
        say(f"all run after {time.monotonic() - started:.0f} s")

    def places(self):
        """Node -> address of the pod on it."""
        pods = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        found = {pod["spec"]["nodeName"]: pod["status"]["podIP"] for pod in pods}
        assert len(set(found.values())) == self.jobs, "a pod each, with addresses of their own"
        return found

    def taken(self):
        """Address -> when it took each request."""
        status, text = http_get(notice_burst_pods.PORT, "/measured", timeout=30)
        assert status == 200
        found = collections.defaultdict(list)
        for address, _, when in json.loads(text):
            found[address].append(when)
        return found

    def mark(self, node):
        """As the node agent does it, in one patch; (sent, answered): it got visible in between."""
        deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=NOTICE)
        sent = time.monotonic()
        self._patch(node, [TAINT], f"{deadline:%Y-%m-%dT%H:%M:%SZ}", "aws-metadata")
        return sent, time.monotonic()

    def unmark(self, node):
        self._patch(node, None, None, None)

    def _patch(self, node, taints, deadline, source):
        annotations = {
            "spillway.dev/interruption-deadline": deadline,
            "spillway.dev/interruption-source": source,
        }
        body = {"metadata": {"annotations": annotations}, "spec": {"taints": taints}}
        self.api.patch(f"/api/v1/nodes/{node}", body)

    def stop(self):
        if self.operator:
            self.operator.stop()
        self.pods.stop()
        self.store.stop()


def one_at_a_time(stage, places, count):
    """Notices that are taken back once the request is there, each to another job."""
    marks = {}
    for node in sorted(places)[:count]:
        sent, answered = marks[node] = stage.mark(node)
        wait_until(
            lambda address=places[node], since=sent: any(
                at >= since for at in stage.taken()[address]
            ),
            LATE,
            f"the request to the pod on {node}",
        )
        stage.unmark(node)
    return marks


def within(stage, places, seconds):
    """A notice to every node, evenly over this time."""
    begun = time.monotonic()

    def mark(number, node):
        time.sleep(max(0, begun + number * seconds / len(places) - time.monotonic()))  # the pace
        return node, stage.mark(node)

    with concurrent.futures.ThreadPoolExecutor(16) as workers:
        return dict(workers.map(mark, *zip(*enumerate(places), strict=True)))


def delays(stage, places, marks):
    """Seconds to the request: (since the mark was sent, since its answer), sorted as the marks."""

    def complete():
        taken = stage.taken()
        first = {
            node: min((at for at in taken[places[node]] if at >= sent), default=None)
            for node, (sent, _) in marks.items()
        }
        missing = [node for node, at in first.items() if at is None]
        assert not missing, f"{len(missing)} requests are missing, {missing[:3]}"
        return first

    first = wait_until(complete, LATE, "every request", poll_seconds=0.5)
    return (
        [first[node] - sent for node, (sent, _) in marks.items()],
        [max(0.0, first[node] - answered) for node, (_, answered) in marks.items()],
    )


def show(title, sent, answered):
    print(f"{title}, seconds until the pod has the request:")
    for name, values in (
        ("since the mark was sent", sent),
        ("since the API server's answer", answered),
    ):
        print(
            f"  {name:30} p50 {statistics.median(values):.2f}  p99 {percentile(values, 0.99):.2f}  "
            f"most {max(values):.2f}   ({len(values)})"
        )


def asked(stage, mark):
    """The operator's requests to the API server since then: what -> how often."""
    found = collections.Counter()
    for request in stage.cluster.audit.requests(mark, stage.operator.user):
        part = f"/{request.subresource}" if request.subresource else ""
        found[f"{request.verb} {request.resource}{part}"] += 1
    return found


def counts(stage):
    return {name: stage.operator.metric(f"spillway_{name}") or 0 for name in COUNTS}


def measured(stage, title, action):
    """Runs `action` (places -> marks), prints the delays and what the operator took for it; returns
    the longest delay.
    """
    places = stage.places()
    before, mark, counted = Usage(stage.operator.process.pid), stage.operator.mark(), counts(stage)
    sent, answered = delays(stage, places, action(places))
    after, requests = Usage(stage.operator.process.pid), asked(stage, mark)
    grown = {name: round(value - counted[name], 1) for name, value in counts(stage).items()}
    print()
    show(title, sent, answered)
    print(
        f"  operator in these {after.at - before.at:.0f} s: "
        f"{after.processor - before.processor:.1f} s of processor, "
        f"peak of memory {after.peak:.0f} MiB; load {os.getloadavg()[0]:.1f}"
    )
    total = sum(requests.values())
    print(f"  its requests to the API server: {total}: {dict(requests.most_common())}")
    print(f"  its own counts: {grown}", flush=True)
    return max(sent)


def main():
    parser = argparse.ArgumentParser(prog="bench/notice-burst")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60, help="in which all nodes get a notice")
    parser.add_argument("--singles", type=int, default=50, help="notices one at a time, before")
    parser.add_argument("--keep", action="store_true", help="the folder with the logs stays")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="notice-burst-"))
    say(f"logs: {directory}")
    # kwok then renews the lease of each node every 20 s; a kubelet does every 10 s.
    with ControlPlane(directory, lost_node_seconds=60, die_with_parent=True) as cluster:
        stage = Stage(directory, options.jobs, cluster)
        try:
            stage.start()
            processors = os.cpu_count()
            print(f"{options.jobs} running jobs of one pod and node each; {processors} processors")
            measured(
                stage,
                "one notice at a time",
                lambda places: one_at_a_time(stage, places, options.singles),
            )
            most = measured(
                stage,
                f"all nodes within {options.seconds} s",
                lambda places: within(stage, places, options.seconds),
            )
        finally:
            stage.stop()
    if not options.keep:
        shutil.rmtree(directory)
    return 0 if most <= 5 else 1


if __name__ == "__main__":
    sys.exit(main())
