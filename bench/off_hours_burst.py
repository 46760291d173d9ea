"""The measurement of bench/off-hours-burst."""

import argparse
import collections
import concurrent.futures
import datetime
import json
import math
import os
import pathlib
import shutil
import sys
import tempfile
import time

from cluster import ControlPlane, nodes, wait_until
from notice_burst import SETTING_UP, Usage, say
from support import manifests
from support.installation import install
from support.kubectl import Kubectl
from support.programs import Operator
from support.world import GROUP, POOL_LABEL

NAMESPACE = "burst"
MODEL = "V100"
ZONE = "us-east-1a"
PER_NODE = 8
CREATORS = 4
SPARE = 2  # nodes beyond what the replicas need
# From the patch of the first schedule to its edge: above what patching all of them takes.
AHEAD = datetime.timedelta(seconds=90)
LATE = 300  # seconds after an edge when what is not done counts as never done


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def next_minute(moment):
    return moment.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)


def read_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def schedule(asleep_from, awake_from):
    """Awake at all times but between these two minutes of the day."""
    begins, ends = awake_from.strftime("%H:%M"), asleep_from.strftime("%H:%M")
    window = {"days": ["Mon-Sun"], "from": begins, "to": ends}
    if ends <= begins:
        window["overnight"] = True
    return {"timeZone": "UTC", "awake": [window]}


class Stage:
    """A cluster, an operator, and InferencePools all of whose replicas serve."""

    def __init__(self, directory, options, cluster):
        self.directory, self.cluster = directory, cluster
        self.count, self.replicas = options.pools, options.replicas
        self.api = cluster.api
        self.kubectl = Kubectl(cluster.kubeconfig)
        self.operator = None

    def start(self):
        installation = install(self.kubectl, self.cluster.version)
        self.kubectl("create", "namespace", NAMESPACE)
        self._create_nodes()
        self.operator = Operator(self.cluster, installation, self.directory).start()
        begun = time.monotonic()
        self._create(
            [
                manifests.inference_pool(
                    f"serve-{number}",
                    model=MODEL,
                    replicas=self.replicas,
                    capacity={"spotPercent": 100},
                )
                for number in range(self.count)
            ]
        )
        wait_until(self.all_serve, SETTING_UP, "every replica to serve", poll_seconds=2)
        say(f"{self.count} pools serve after {time.monotonic() - begun:.0f} s")

    def stop(self):
        if self.operator:
            self.operator.stop()

    def _create(self, objects):
        """Some at a time, each kubectl over one connection."""

        def create(part):
            listed = {"apiVersion": "v1", "kind": "List", "items": objects[part::CREATORS]}
            if not listed["items"]:
                return
            self.kubectl(
                "create",
                "--filename=-",
                f"--namespace={NAMESPACE}",
                "--validate=false",
                stdin=json.dumps(listed),
                timeout=SETTING_UP,
            )

        with concurrent.futures.ThreadPoolExecutor(CREATORS) as workers:
            list(workers.map(create, range(CREATORS)))

    def _create_nodes(self):
        count = math.ceil(self.count * self.replicas / PER_NODE) + SPARE
        pool = manifests.capacity_pool(
            "spot",
            tier="Spot",
            model=MODEL,
            zone=ZONE,
            selector={POOL_LABEL: "spot"},
            max_nodes=count,
            per_node=PER_NODE,
            fixed="8.00",
        )
        self.api.create(f"{GROUP}/capacitypools", pool)
        self._create(
            [
                nodes.gpu_node(
                    f"spot-{number}",
                    accelerators=PER_NODE,
                    zone=ZONE,
                    instance_type="p3.16xlarge",
                    labels={POOL_LABEL: "spot"},
                    taints=(),
                    resource="nvidia.com/gpu",
                    cpu=96,
                    memory="1Ti",
                    kubelet_version=self.cluster.version,
                )
                for number in range(count)
            ]
        )

        def all_ready():
            return sum(map(nodes.is_ready, self.api.get("/api/v1/nodes")["items"])) == count

        wait_until(all_ready, SETTING_UP, "the nodes to be ready", poll_seconds=2)

    def statuses(self):
        """As the API server's cache has them: the looking must not cost much."""
        path = f"{GROUP}/namespaces/{NAMESPACE}/inferencepools?resourceVersion=0"
        return [pool.get("status", {}) for pool in self.api.get(path)["items"]]

    def _all(self, what, holds):
        done = sum(1 for status in self.statuses() if holds(status))
        assert done == self.count, f"{done} of {self.count} {what}"
        return True

    def all_serve(self):
        return self._all(
            "serve",
            lambda status: (
                status.get("awake") is not False and status.get("readyReplicas") == self.replicas
            ),
        )

    def all_sleep(self):
        self._all(
            "sleep", lambda status: status.get("awake") is False and not status.get("replicas")
        )
        pods = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods?resourceVersion=0")["items"]
        assert not pods, f"{len(pods)} pods are left"
        return True

    def set_schedules(self, hours):
        """Patches every pool, and returns when the operator has taken all of that up."""

        def patch(number):
            path = f"{GROUP}/namespaces/{NAMESPACE}/inferencepools/serve-{number}"
            self.api.patch(path, {"spec": {"schedule": hours}})

        with concurrent.futures.ThreadPoolExecutor(CREATORS) as workers:
            list(workers.map(patch, range(self.count)))

        def taken_up():
            return self._all("have a next transition", lambda each: each.get("nextTransition"))

        wait_until(taken_up, AHEAD.total_seconds(), "the schedules to be taken up", poll_seconds=1)


def show(stage, title, edge, requests, before, after):
    """What was asked between the edge and the end, and when the last of each was answered."""
    print(f"\n{title}, {stage.count} pools of {stage.replicas}:")
    found = collections.defaultdict(list)
    for request in requests:
        part = f"/{request.subresource}" if request.subresource else ""
        found[f"{request.verb} {request.resource}{part}"].append(read_time(request.at))
    for what, times in sorted(found.items(), key=lambda entry: -len(entry[1])):
        first, last = ((at - edge).total_seconds() for at in (min(times), max(times)))
        print(
            f"  {what:34} {len(times):6}   {len(times) / stage.count:5.2f} a pool   "
            f"first after {first:.2f} s, last after {last:.2f} s"
        )
    refused = sum(request.code >= 400 for request in requests)
    print(
        f"  requests to the API server: {len(requests)}, {len(requests) / stage.count:.2f} a pool, "
        f"{refused} of them refused"
    )
    print(
        f"  operator in these {after.at - before.at:.0f} s: "
        f"{after.processor - before.processor:.1f} s of processor, "
        f"peak of memory {after.peak:.0f} MiB; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def measure(stage, title, edge, done):
    """Waits for the edge and until all is done after it; returns the seconds in between."""
    operator = stage.operator
    wait_until(lambda: now() >= edge - datetime.timedelta(seconds=2), 3600, "the edge to be near")
    before, mark = Usage(operator.process.pid), operator.mark()
    wait_until(lambda: now() >= edge, 10, "the edge")
    wait_until(done, LATE, f"all pools after the edge ({title})", poll_seconds=0.25)
    took = (now() - edge).total_seconds()
    after = Usage(operator.process.pid)
    # Of before the edge there is nothing but the lease.
    requests = [
        request
        for request in stage.cluster.audit.requests(mark, operator.user)
        if read_time(request.at) >= edge and request.resource != "leases"
    ]
    show(stage, title, edge, requests, before, after)
    print(f"  all done {took:.1f} s after the edge", flush=True)
    return took


def main():
    parser = argparse.ArgumentParser(prog="bench/off-hours-burst")
    parser.add_argument("--pools", type=int, default=500)
    parser.add_argument("--replicas", type=int, default=2, help="of each, one accelerator each")
    parser.add_argument("--minutes", type=int, default=5, help="that they sleep")
    parser.add_argument("--keep", action="store_true", help="the folder with the logs stays")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="off-hours-burst-"))
    say(f"logs: {directory}")
    with ControlPlane(directory, lost_node_seconds=60, die_with_parent=True) as cluster:
        stage = Stage(directory, options, cluster)
        try:
            stage.start()
            sleep_at = next_minute(now() + AHEAD)
            wake_at = sleep_at + datetime.timedelta(minutes=options.minutes)
            stage.set_schedules(schedule(sleep_at, wake_at))
            if now() >= sleep_at:
                raise RuntimeError("the schedules were taken up only after their edge: fewer pools")
            print(f"{os.cpu_count()} processors, edges at {sleep_at:%H:%M} and {wake_at:%H:%M} UTC")
            measure(stage, "asleep", sleep_at, stage.all_sleep)
            if now() >= wake_at:
                raise RuntimeError("they were asleep only after they were to wake: more --minutes")
            measure(stage, "awake", wake_at, stage.all_serve)
        finally:
            stage.stop()
    if not options.keep:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
