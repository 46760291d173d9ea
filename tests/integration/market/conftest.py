"""Programs under test, on free ports of the loopback, ended by their process id."""

import json
import os
import subprocess
import threading
import urllib.error
import urllib.request

import boto3
import botocore.config
import pytest
from moto.server import ThreadedMotoServer

KEY, SECRET = "AKIDMARKETTEST", "market+test/secret"
START_SECONDS = 20


def http(url, data=None):
    """(status, body)"""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class MarketServer:
    def __init__(self, *flags):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        command = [os.environ["MARKET_SERVER"], "--listen=127.0.0.1:0", *flags]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        guard = threading.Timer(START_SECONDS, self.process.kill)
        guard.start()
        line = self.process.stdout.readline()
        guard.cancel()
        assert line.startswith("listening on http://"), f"{line!r} {self.process.stderr.read()}"
        self.url = line.removeprefix("listening on ").strip()

    def set_time(self, at):
        status, body = http(self.url + "/admin/time", json.dumps({"at": at}).encode())
        assert status == 200, body

    def stop(self):
        """Returns the exit code after SIGTERM."""
        self.process.terminate()
        self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode


@pytest.fixture
def start_server():
    servers = []

    def start(*flags):
        servers.append(MarketServer(*flags))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop()


PRICES = """instance_type,az,timestamp_utc,usd_per_hour
p3.2xlarge,us-east-1a,2020-01-01T00:00:00.000Z,0.918000
p3.2xlarge,us-east-1a,2020-01-02T00:00:00.000Z,1.000000
p3.2xlarge,us-east-1a,2020-01-03T00:00:00.000Z,1.300000
p3.2xlarge,us-east-1b,2020-01-01T06:00:00.000Z,1.100000
p3.16xlarge,us-east-1a,2020-01-01T00:00:00.000Z,7.344000
p3.2xlarge,eu-west-1a,2020-01-01T00:00:00.000Z,1.250000
"""


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(PRICES)
    return path


@pytest.fixture
def client():
    """client(url, key=, secret=, region=): boto3's EC2 client of that endpoint."""

    def make(url, key=KEY, secret=SECRET, region="us-east-1", attempts=1):
        return boto3.client(
            "ec2",
            endpoint_url=url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=botocore.config.Config(
                retries={"total_max_attempts": attempts, "mode": "standard"},
                read_timeout=150,  # moto reads its large tables at the first request
            ),
        )

    return make


@pytest.fixture
def probe():
    """probe(url, region, "type/zone", ...): what Spillway's own feed learns there."""

    def poll(url, region, *keys, key=KEY, secret=SECRET):
        environment = {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            # OpenSSL's error state of cpprestsdk's threads is still there when a sanitized build ends.
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        done = subprocess.run(
            [os.environ["FEED_PROBE"], url, region, *keys],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return poll


@pytest.fixture(scope="session")
def moto_url():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
