"""Spillway's own feed against a foreign EC2 (moto), and against the market server."""

from conftest import KEY, SECRET

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
        f"--prices={prices}", f"--at={NOON}", "--speed=0", "--admin", f"--access-key-id={KEY}", f"--secret-access-key={SECRET}"
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
