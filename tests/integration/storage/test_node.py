"""The role `node`: small real servers stand for the metadata service and the API server."""

import http.server
import json
import os
import subprocess
import threading
import time

import pytest
from agents import wait_until

NODE = {
    "apiVersion": "v1", "kind": "Node",
    "metadata": {"name": "node-1", "resourceVersion": "1", "annotations": {"other": "stays"}},
    "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
}


class Servers:
    """Metadata by (method, path); one Node."""

    def __init__(self):
        self.metadata, self.node, self.requests = {}, json.loads(json.dumps(NODE)), []
        servers = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body):
                content = body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                servers.requests.append((self.command, self.path, dict(self.headers.items())))
                if self.path.startswith("/api/v1/nodes/node-1"):
                    return self.answer(200, json.dumps(servers.change(self.command, body)))
                found = servers.metadata.get((self.command, self.path))
                return self.answer(404, "") if found is None else self.answer(200, found)

            do_GET = do_PUT = do_PATCH = serve

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def change(self, method, body):
        if method == "PATCH":
            patch = json.loads(body)
            assert patch["metadata"].pop("resourceVersion") == self.node["metadata"]["resourceVersion"]
            for name, value in patch["metadata"]["annotations"].items():
                annotations = self.node["metadata"]["annotations"]
                annotations.pop(name, None) if value is None else annotations.update({name: value})
            if "spec" in patch:
                self.node["spec"]["taints"] = patch["spec"]["taints"]
            self.node["metadata"]["resourceVersion"] += "0"
        return self.node

    def taints(self):
        return {taint["key"]: taint.get("value") for taint in self.node["spec"]["taints"]}

    def deadline(self):
        return self.node["metadata"]["annotations"].get("spillway.dev/interruption-deadline")


@pytest.fixture
def servers():
    running = Servers()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def agent(servers, tmp_path):
    """start(cloud): the agent on node-1."""
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": servers.url}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }))
    running = []

    def start(cloud):
        variables = {"KUBECONFIG": str(config), "NODE_NAME": "node-1", "SPILLWAY_CLOUD": cloud,
                     "SPILLWAY_METADATA_URL": servers.url, "SPILLWAY_METADATA_POLL": "100ms", "PATH": os.environ["PATH"]}
        running.append(subprocess.Popen([os.environ["SPILLWAY_AGENT"], "node"], env=variables, stderr=subprocess.PIPE))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_aws(servers, agent):
    servers.metadata[("PUT", "/latest/api/token")] = "the-token"
    process = agent("aws")
    action = ("GET", "/latest/meta-data/spot/instance-action")
    wait_until(lambda: any(path == action[1] for _, path, _ in servers.requests), "question")
    assert servers.taints() == {"nvidia.com/gpu": None}
    servers.metadata[action] = '{"action": "terminate", "time": "2026-11-21T12:02:00Z"}'
    wait_until(lambda: "spillway.dev/interruption" in servers.taints(), "taint")
    assert servers.taints() == {"nvidia.com/gpu": None, "spillway.dev/interruption": "interruption"}
    assert servers.deadline() == "2026-11-21T12:02:00Z"
    assert servers.node["metadata"]["annotations"]["spillway.dev/interruption-source"] == "aws-metadata"
    asked = [headers for _, path, headers in servers.requests if path == action[1]]
    assert all(headers.get("X-aws-ec2-metadata-token") == "the-token" for headers in asked)
    del servers.metadata[action]
    wait_until(lambda: servers.taints() == {"nvidia.com/gpu": None}, "end of the taint")
    assert servers.node["metadata"]["annotations"] == {"other": "stays"}
    process.terminate()
    assert process.wait(timeout=20) == 0


def test_google(servers, agent):
    base = "/computeMetadata/v1/instance/"
    servers.metadata[("GET", base + "preempted")] = "FALSE"
    servers.metadata[("GET", base + "maintenance-event")] = "NONE"
    agent("gcp")
    wait_until(lambda: any(path == base + "maintenance-event" for _, path, _ in servers.requests), "question")
    before = time.time()
    servers.metadata[("GET", base + "preempted")] = "TRUE"
    wait_until(servers.deadline, "deadline")
    deadline = time.strptime(servers.deadline(), "%Y-%m-%dT%H:%M:%SZ")
    assert before + 28 <= time.mktime(deadline) - time.timezone <= time.time() + 31


def test_azure(servers, agent):
    servers.metadata[("GET", "/metadata/instance/compute/name?api-version=2021-02-01&format=text")] = "vm-1"
    events = ("GET", "/metadata/scheduledevents?api-version=2020-07-01")
    event = {"EventId": "1", "EventType": "Preempt", "ResourceType": "VirtualMachine", "EventStatus": "Scheduled",
             "NotBefore": "Sat, 21 Nov 2026 12:02:00 GMT"}
    servers.metadata[events] = json.dumps({"DocumentIncarnation": 1, "Events": [event | {"Resources": ["vm-2"]}]})
    agent("azure")
    wait_until(lambda: any(path == events[1] for _, path, _ in servers.requests), "question")
    assert "spillway.dev/interruption" not in servers.taints()
    servers.metadata[events] = json.dumps({"DocumentIncarnation": 2, "Events": [event | {"Resources": ["vm-1"]}]})
    wait_until(servers.deadline, "deadline")
    assert servers.deadline() == "2026-11-21T12:02:00Z"


def test_a_silent_metadata_service_changes_nothing(servers, agent):
    servers.node["spec"]["taints"].append(
        {"key": "spillway.dev/interruption", "value": "interruption", "effect": "NoSchedule"})
    agent("gcp")  # 404 for everything
    wait_until(lambda: len(servers.requests) > 5, "questions")
    assert "spillway.dev/interruption" in servers.taints()


def test_wrong_settings_are_explained(servers, agent):
    process = agent("oracle")
    assert process.wait(timeout=20) == 2
    assert b"aws, gcp or azure" in process.stderr.read()
