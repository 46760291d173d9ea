"""The stage: a control plane with GPU nodes, a market that replays recorded prices, and the operator as the chart installs it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.request

from cluster import ControlPlane, Process, tools, wait_until
from cluster.control_plane import free_ports

from . import prices

NAMESPACE = "spillway-system"
READY_TIMEOUT = 30  # seconds
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
SPOT_TAINT = {"key": "capacity-type", "value": "spot", "effect": "NoSchedule"}
# Nodes as an autoscaler would have made them for the pools of examples/pools: capacity type, zone, instance type, GPUs, nodes.
NODES = (
    ("reserved", "us-east-1c", "p3.16xlarge", 8, 1),
    ("spot", "us-east-1b", "p3.2xlarge", 1, 16),
    ("spot", "us-east-1d", "p3.2xlarge", 1, 16),
    ("spot", "us-east-2c", "p3.2xlarge", 1, 2),
    ("on-demand", "us-east-1f", "p3.2xlarge", 1, 4),
)
# Keys of nobody: the market server checks signatures against them, as EC2 would.
KEYS = {"AWS_ACCESS_KEY_ID": "DEMOACCESSKEY", "AWS_SECRET_ACCESS_KEY": "demo-secret-access-key"}


class Stage:
    def __init__(self, root, build):
        self.root = root
        self.directory = root / ".demo"
        self.cluster = ControlPlane(self.directory)
        self.market = Process(self.directory, "market-server")
        self.operator = Process(self.directory, "spillway-operator")
        self._build = build
        self._ports = {}

    # Life

    def clear(self):
        """Ends what an earlier demo left running, and forgets its state."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        self.operator.stop()
        self.market.stop()
        self.cluster.stop()

    def start_cluster(self):
        self.cluster.start()
        names = []
        for capacity, zone, instance_type, accelerators, count in NODES:
            names += self.cluster.add_gpu_nodes(
                f"{capacity}-{zone}",
                count=count,
                accelerators=accelerators,
                zone=zone,
                instance_type=instance_type,
                labels={"karpenter.sh/capacity-type": capacity},
                taints=[GPU_TAINT, SPOT_TAINT] if capacity == "spot" else [GPU_TAINT],
                wait=False,
            )
        self.cluster.wait_for_nodes(names)
        return names

    def start_market(self, recording, at):
        self._ports["market"], self._ports["operator"] = free_ports(2)
        command = [
            self._program("spillway-market-server"),
            f"--prices={recording}",
            f"--listen=127.0.0.1:{self._ports['market']}",
            f"--at={prices.text(at)}",
            "--speed=1",
            "--admin",
        ]
        self.market.start(command, {**os.environ, **KEYS})
        self._wait_for(self.market, lambda: self._http("market", "/healthz") is not None)

    def jump_to(self, at):
        """Sets the market's clock forward."""
        self._http("market", f"/admin/time?at={prices.text(at)}", data=b"")

    def install(self):
        """What `helm install` would put into the cluster, but for the Deployment: its program runs here instead."""
        values = self.directory / "values.json"
        values.write_text(json.dumps(self._values(), indent=2))
        objects = self._rendered(values)
        crds = [o for o in objects if o["kind"] == "CustomResourceDefinition"]
        others = [o for o in objects if o["kind"] not in ("CustomResourceDefinition", "Deployment")]
        self.apply(crds)
        names = [f"crd/{crd['metadata']['name']}" for crd in crds]
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
        self.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
        self.apply(others)
        deployment = next(o for o in objects if o["kind"] == "Deployment")
        pod = deployment["spec"]["template"]["spec"]
        configuration = next(o for o in objects if o["kind"] == "ConfigMap")["data"]["config.yaml"]
        (self.directory / "config.yaml").write_text(configuration)
        return pod["serviceAccountName"], pod["containers"][0]["args"]

    def start_operator(self, service_account, flags):
        """The operator with the chart's flags and exactly the rights of its ServiceAccount, by a token of that account."""
        kubeconfig = self.cluster.kubeconfig_for_service_account(
            NAMESPACE, service_account, self.directory / "operator.kubeconfig", seconds=24 * 3600
        )
        here = {
            "--config": self.directory / "config.yaml",
            "--listen": f"127.0.0.1:{self._ports['operator']}",
            "--kubeconfig": kubeconfig,
            "--log-format": "text",
        }
        kept = [flag for flag in flags if flag.partition("=")[0] not in here]
        command = [self._program("spillway-operator"), *kept, *(f"{name}={value}" for name, value in here.items())]
        self.operator.start(command, {"PATH": os.environ.get("PATH", os.defpath), **KEYS})
        self._wait_for(self.operator, lambda: self._http("operator", "/readyz") is not None)

    # Commands

    def kubectl(self, *arguments, stdin=None):
        """kubectl as the administrator; returns what it prints."""
        return _run([tools.path("kubectl"), f"--kubeconfig={self.cluster.kubeconfig}", *arguments], stdin)

    def apply(self, objects):
        listing = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--server-side", f"--namespace={NAMESPACE}", "--filename=-", stdin=json.dumps(listing))

    # Parts

    def _values(self):
        endpoint = f"http://127.0.0.1:{self._ports['market']}"

        def feed(region):
            source = {"region": region, "endpoint": endpoint, "credentials": "environment"}
            return {"name": f"aws-{region}", "awsSpot": source, "pollInterval": "1s", "freshFor": "5m"}

        return {
            "image": {"repository": "runs-on-this-machine"},
            "config": {
                "feeds": [feed("us-east-1"), feed("us-east-2")],
                # A minute of demo stands for weeks of a market, and simulated pods start in a second.
                "placement": {"minRun": "1s", "restartDelay": "5s"},
            },
        }

    def _rendered(self, values):
        """The objects of the chart. kubectl turns the YAML into JSON, which Python reads by itself."""
        chart = [tools.path("helm"), "template", "spillway", str(self.root / "charts/spillway")]
        version = f"--kube-version={self.cluster.version}"
        text = _run([*chart, f"--namespace={NAMESPACE}", version, f"--values={values}"])
        documents = self.kubectl("create", "--dry-run=client", "--output=json", "--filename=-", stdin=text)
        return _objects(documents)

    def _program(self, name):
        found = [path for path in sorted(self._build.rglob(name)) if path.is_file() and os.access(path, os.X_OK)]
        if not found:
            raise FileNotFoundError(f"{self._build} has no program {name}; scripts/demo builds it")
        return found[0]

    def _http(self, program, path, data=None):
        """The text of an answer, None while the program does not listen; an HTTP error is raised."""
        url = f"http://127.0.0.1:{self._ports[program]}{path}"
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=5) as response:
            return response.read().decode()

    @staticmethod
    def _wait_for(process, ready):
        def running_and_ready():
            if process.pid is None:
                raise RuntimeError(f"{process.name} ended with code {process.exit_code}")
            return ready()

        wait_until(running_and_ready, READY_TIMEOUT, f"{process.name} to be ready")


def _objects(text):
    """The objects of a stream of JSON documents, Lists taken apart."""
    decoder, position, found = json.JSONDecoder(), 0, []
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        found += document["items"] if document["kind"] == "List" else [document]
        position += len(text[position:]) - len(text[position:].lstrip())
    return found


def _run(command, stdin=None):
    result = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{pathlib.Path(command[0]).name} failed: {result.stderr.strip()}")
    return result.stdout


def build(root, folder):
    """Builds the two programs; quick when nothing has changed."""
    if not (folder / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", folder.name], cwd=root, check=True, stdout=sys.stderr)
    targets = ["spillway-operator", "spillway-market-server"]
    subprocess.run(["cmake", "--build", str(folder), "-j2", "--target", *targets], cwd=root, check=True, stdout=sys.stderr)
