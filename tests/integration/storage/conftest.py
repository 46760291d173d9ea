"""Object stores on free ports of the loopback, and boto3 beside our own client."""

import json
import os
import socket
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import pytest
import waiting
from moto.server import ThreadedMotoServer

KEY, SECRET, REGION, BUCKET = "AKIDSTORAGETEST", "storage+test/secret", "us-east-1", "models"
START_SECONDS = 20


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Store:
    def __init__(self, url, verify=None):
        self.url = url
        self.client = boto3.client(
            "s3", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET, verify=verify,
            config=botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
        )

    def keys(self, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def put(self, key, body):
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key):
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def open_uploads(self):
        return self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])

    def environment(self):
        """For our own programs."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SPILLWAY_"))}
        return clean | {
            "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
            "PROBE_ENDPOINT": self.url, "PROBE_BUCKET": BUCKET, "PROBE_PATH_STYLE": "true",
        }

    def probe(self, *arguments, **extra):
        done = subprocess.run(
            [os.environ["STORAGE_PROBE"], *arguments], env=self.environment() | extra,
            capture_output=True, text=True, timeout=120, check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Versitygw:
    """The gateway over a directory, ended by the process that was started."""

    def __init__(self, root, *flags):
        self.port = free_port()
        (root / "data").mkdir(exist_ok=True)
        (root / "sidecar").mkdir(exist_ok=True)
        self.log = open(root / "log", "ab")
        self.process = subprocess.Popen(
            [os.environ["VERSITYGW"], "--access", KEY, "--secret", SECRET, "--region", REGION,
             "--port", f"127.0.0.1:{self.port}", *flags, "posix", "--sidecar", str(root / "sidecar"), str(root / "data")],
            stdout=self.log, stderr=self.log,
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.wait()

    def wait(self):
        def listens():
            if self.process.poll() is not None:
                raise RuntimeError("versitygw ended")
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True

        waiting.wait_until(listens, START_SECONDS, "versitygw to listen", poll_seconds=0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=START_SECONDS)
        self.log.close()


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory):
    server = Versitygw(tmp_path_factory.mktemp("versitygw"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["versitygw", "moto"])
def store(request):
    """An empty bucket on each of the servers."""
    server = request.getfixturevalue(request.param)
    return empty_bucket(Store(server if isinstance(server, str) else server.url))


@pytest.fixture
def gateway(versitygw):
    return empty_bucket(Store(versitygw.url))


def empty_bucket(store):
    try:
        store.client.create_bucket(Bucket=BUCKET)
    except (store.client.exceptions.BucketAlreadyOwnedByYou, store.client.exceptions.BucketAlreadyExists):
        pass
    for key in store.keys():
        store.client.delete_object(Bucket=BUCKET, Key=key)
    for upload in store.open_uploads():
        store.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
    return store
