"""An S3 server: versitygw over a folder, on request behind TLS with an authority of its own."""

import http.client
import ssl

import boto3
import botocore.config

from cluster import Process, tools, wait_until
from cluster.certificates import Certificates
from cluster.control_plane import free_ports

START_TIMEOUT = 60  # seconds
REGION = "us-east-1"
# Keys of nobody: the server is made with them.
ACCESS_KEY_ID = "E2ESTOREACCESSKEY"
SECRET_ACCESS_KEY = "e2e-store-secret-access-key"


class ObjectStore:
    """The server, listening on `address`; what it keeps is in `directory`.

    With `tls` its certificate is signed by an authority that nobody knows: `authority` is the PEM
    file of that, else None.
    """

    def __init__(self, directory, address="127.0.0.1", instance="object-store", tls=False):
        self._process = Process(directory, instance)
        self._folder = directory / instance
        self._address = address
        self._port = free_ports(1)[0]
        self._certificates = None
        if tls:
            self._certificates = Certificates(directory / f"{instance}-certificates")
            self._certificates.create([address])
        self.authority = self._certificates.certificate("ca") if tls else None
        self.endpoint = f"{'https' if tls else 'http'}://{address}:{self._port}"
        self.region = REGION

    def start(self):
        self._folder.mkdir(exist_ok=True)
        command = [
            *(tools.path("versitygw"), f"--access={ACCESS_KEY_ID}"),
            *(f"--secret={SECRET_ACCESS_KEY}", f"--region={REGION}"),
            f"--port={self._address}:{self._port}",
        ]
        if self._certificates:
            certificate, key = (
                get("server") for get in (self._certificates.certificate, self._certificates.key)
            )
            command += [f"--cert={certificate}", f"--key={key}"]
        command += ["posix", self._folder]
        self._process.start(command, die_with_parent=True)

        wait_until(self._answers, START_TIMEOUT, f"{self.endpoint} to answer")
        return self

    def _answers(self):
        if self._process.pid is None:
            raise RuntimeError(f"the object store ended:\n{self._process.log_tail()}")
        connection = self._connect()
        try:
            connection.request("GET", "/")
            return connection.getresponse().status > 0  # it refuses the unsigned request
        finally:
            connection.close()

    def _connect(self):
        if not self.authority:
            return http.client.HTTPConnection(self._address, self._port, timeout=5)
        trusting = ssl.create_default_context(cafile=self.authority)
        return http.client.HTTPSConnection(self._address, self._port, timeout=5, context=trusting)

    def stop(self):
        self._process.stop()

    def pause(self):
        """It takes connections and answers nothing, until `resume`."""
        self._process.pause()

    def resume(self):
        self._process.resume()

    @property
    def client(self):
        """boto3's client: the other opinion on what is there."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            verify=str(self.authority) if self.authority else None,
            config=botocore.config.Config(
                retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5
            ),
        )

    def make_bucket(self, name):
        self.client.create_bucket(Bucket=name)
        return name

    def keys(self, bucket, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
