"""Spillway's own programs under test: the operator and the market server."""

import http.client
import os
import pathlib
import re

import yaml

from cluster import Process, wait_until
from cluster.control_plane import free_ports

START_TIMEOUT = 60  # seconds
# Keys of nobody: the market server checks signatures against them, as EC2 would.
KEYS = {"AWS_ACCESS_KEY_ID": "E2EACCESSKEY", "AWS_SECRET_ACCESS_KEY": "e2e-secret-access-key"}
# A line of level error or worse, in either log format.
ERROR_LINE = re.compile(r'\[(error|critical)\]|"level"\s*:\s*"(error|critical)"', re.IGNORECASE)
METRIC_LINE = re.compile(r"(?P<name>[a-zA-Z_:]+)(\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def built(name):
    """The path of a program in SPILLWAY_BUILD_DIR."""
    build = pathlib.Path(os.environ["SPILLWAY_BUILD_DIR"])
    for path in sorted(build.rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise AssertionError(
        f"{build} has no program {name}: build it, or set SPILLWAY_BUILD_DIR to another build"
    )


def http_get(port, path, timeout=5):
    """(status, text) of a server on the loopback interface."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class Program:
    """A program with an HTTP port of its own, started with flags and stopped by pid."""

    def __init__(self, directory, name, instance):
        self._binary = built(name)
        self.process = Process(directory, instance)
        self.port = free_ports(1)[0]

    def _start(self, flags, ready_path):
        environment = {**os.environ, **KEYS}
        self.process.start([self._binary, *flags], environment, die_with_parent=True)

        def ready():
            if self.process.pid is None:
                raise RuntimeError(
                    f"{self.process.name} ended with {self.process.exit_code}; "
                    f"the end of {self.process.log}:\n{self.process.log_tail()}"
                )
            return ready_path is None or http_get(self.port, ready_path)[0] == 200

        wait_until(
            ready, START_TIMEOUT, f"{self.process.name} to be ready (its log: {self.process.log})"
        )


class Operator(Program):
    """spillway-operator with exactly the rights of the chart's ServiceAccount.

    `configuration` replaces top-level keys of the chart's own configuration;
    `write_configuration` does so again while the operator runs.
    """

    def __init__(self, cluster, installation, directory, instance="operator", configuration=None):
        super().__init__(directory, "spillway-operator", instance)
        self.user = installation.user
        self._cluster = cluster
        self._installation = installation
        self._configuration_file = pathlib.Path(directory) / f"{instance}.yaml"
        self._expected_errors = []
        self._ended = False
        self.kubeconfig = cluster.kubeconfig_for_service_account(
            installation.namespace,
            installation.service_account,
            pathlib.Path(directory) / f"{instance}.kubeconfig",
        )
        self.write_configuration(configuration or {})

    def start(self, *flags, wait_ready=True):
        """Starts it with the chart's flags, but our files and port, and `flags`; with `wait_ready`
        it returns when /readyz says yes.
        """
        ours = [
            f"--kubeconfig={self.kubeconfig}",
            f"--config={self._configuration_file}",
            f"--listen=127.0.0.1:{self.port}",
            *flags,
        ]
        replaced = {flag.partition("=")[0] for flag in ours}
        charts = [f for f in self._installation.flags if f.partition("=")[0] not in replaced]
        self._start([*charts, *ours], "/readyz" if wait_ready else None)
        return self

    def stop(self):
        """SIGTERM; the operator has to end by itself, in time and with exit code 0."""
        if self._ended or (self.process.pid is None and self.process.exit_code is None):
            return
        assert self.process.stop(timeout=30), (
            f"{self.process.name} did not end within 30 s of SIGTERM"
        )
        code = self.process.exit_code
        assert code == 0, f"{self.process.name} ended with {code}:\n{self.process.log_tail()}"

    def kill(self):
        self.process.kill()

    def forget(self):
        """It has ended by itself, and the test has judged how: no more is asked of it."""
        self.process.kill()
        self._ended = True

    def write_configuration(self, configuration):
        partial = self._configuration_file.with_suffix(".partial")
        partial.write_text(yaml.safe_dump({**self._installation.configuration, **configuration}))
        partial.replace(self._configuration_file)

    def metrics(self):
        """The text of /metrics."""
        status, text = http_get(self.port, "/metrics")
        assert status == 200, f"/metrics answered {status}"
        return text

    def metric(self, name, **labels):
        """The sum of the series of that name with these labels; None when there is none."""
        found = None
        for line in self.metrics().splitlines():
            match = METRIC_LINE.match(line)
            if not match or match["name"] != name:
                continue
            have = dict(LABEL.findall(match["labels"] or ""))
            if all(have.get(key) == value for key, value in labels.items()):
                found = (found or 0) + float(match["value"])
        return found

    def ready(self):
        """Whether /readyz says yes; False as well while nobody listens."""
        try:
            return http_get(self.port, "/readyz")[0] == 200
        except OSError:
            return False

    # What it asked of the API server

    def mark(self):
        """A point in the audit log, for `writes`."""
        return self._cluster.audit.mark()

    def writes(self, since=0, leases=False):
        """Its mutating requests after the mark, refused ones included; lease renewals only on
        request.
        """
        found = self._cluster.audit.writes(since, self.user)
        return [write for write in found if leases or write.resource != "leases"]

    # What it logged

    def expect_errors(self, pattern):
        """Log lines of level error that match this regular expression do not fail the test."""
        self._expected_errors.append(re.compile(pattern))

    def unexpected_errors(self):
        if not self.process.log.exists():
            return []
        lines = self.process.log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if ERROR_LINE.search(line)]
        return [
            line
            for line in errors
            if not any(pattern.search(line) for pattern in self._expected_errors)
        ]


class MarketServer(Program):
    """spillway-market-server, replaying recorded prices over the EC2 query API."""

    def __init__(self, directory, instance="market-server"):
        super().__init__(directory, "spillway-market-server", instance)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def start(self, prices, at, speed=1, *flags):
        command = [
            f"--prices={prices}",
            f"--listen=127.0.0.1:{self.port}",
            f"--at={at}",
            f"--speed={speed}",
            "--admin",
            *flags,
        ]
        self._start(command, None)
        wait_until(self._answers, START_TIMEOUT, f"{self.endpoint} to answer")
        return self

    def stop(self):
        self.process.stop()

    def _answers(self):
        return http_get(self.port, "/")[0] > 0  # any HTTP answer: it listens
