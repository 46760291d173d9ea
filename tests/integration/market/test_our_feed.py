"""Spillway's own feed against a foreign EC2 (moto), and against the market server."""

import datetime
import ipaddress
import socket
import ssl
import threading

from conftest import KEY, SECRET
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOON = "2020-01-02T12:00:00Z"


def test_our_feed_reads_moto(probe, moto_url, client):
    types = ["g5.xlarge", "p4d.24xlarge"]
    history = client(moto_url).describe_spot_price_history(InstanceTypes=types)["SpotPriceHistory"]
    theirs = {(p["InstanceType"], p["AvailabilityZone"]): float(p["SpotPrice"]) for p in history}
    assert len(theirs) > 2, "moto has no prices to compare with"
    ours = probe(moto_url, "us-east-1", *(f"{kind}/{zone}" for kind, zone in theirs))
    assert ours["refused"] == 0
    assert {(o["type"], o["zone"]): float(o["spot"]) for o in ours["observations"]} == theirs


def test_our_feed_and_boto3_read_the_same_from_the_market_server(probe, start_server, prices, client):
    server = start_server(
        f"--prices={prices}", f"--at={NOON}", "--speed=0", "--admin",
        f"--access-key-id={KEY}", f"--secret-access-key={SECRET}",
    )
    wanted = ("p3.2xlarge/us-east-1a", "p3.2xlarge/us-east-1b", "p3.16xlarge/us-east-1a", "p3.2xlarge/us-east-1f")
    seen = probe(server.url, "us-east-1", *wanted)["observations"]
    assert {(o["type"], o["zone"], o["spot"]) for o in seen} == {
        ("p3.2xlarge", "us-east-1a", "1.00"),
        ("p3.2xlarge", "us-east-1b", "1.10"),
        ("p3.16xlarge", "us-east-1a", "7.344"),
    }
    server.set_time("2020-01-03T00:00:00Z")
    seen = probe(server.url, "us-east-1", "p3.2xlarge/us-east-1a")["observations"]
    assert [(o["spot"], o["changedAt"]) for o in seen] == [("1.30", "2020-01-03T00:00:00Z")]


def test_our_feed_says_why_it_was_refused(probe, start_server, prices):
    server = start_server(f"--prices={prices}", f"--access-key-id={KEY}", f"--secret-access-key={SECRET}")
    error = probe(server.url, "us-east-1", "p3.2xlarge/us-east-1a", secret="wrong")["error"]
    assert error["code"] == "Unauthorized"
    assert error["message"].startswith("EC2 answered SignatureDoesNotMatch")


def test_our_feed_waits_out_the_throttle(probe, start_server, prices):
    server = start_server(f"--prices={prices}", f"--at={NOON}", "--throttle=1:2")
    for _ in range(2):
        assert probe(server.url, "us-east-1", "p3.2xlarge/us-east-1a")["observations"]


def test_our_feed_names_a_server_that_is_not_there(probe):
    error = probe("http://127.0.0.1:1", "us-east-1", "p3.2xlarge/us-east-1a")["error"]
    assert error["code"] == "Unavailable"


def self_signed(path):
    """A certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain) + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_our_feed_does_not_speak_to_a_certificate_that_nobody_vouches_for(probe, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "certificate.pem"))
    received = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    received.append(secure.recv(1024))
            except (ssl.SSLError, ConnectionError) as error:
                received.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = probe(f"https://127.0.0.1:{listener.getsockname()[1]}", "us-east-1", "p3.2xlarge/us-east-1a")
        thread.join()
    assert "certificate" in answer["error"]["message"] or "handshake" in answer["error"]["message"].lower()
    assert isinstance(received[0], Exception) or received[0] == b""
