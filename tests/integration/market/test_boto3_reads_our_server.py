"""boto3 is the client that proves the market server speaks EC2."""

import datetime
import os
import subprocess

import pytest
from botocore.exceptions import ClientError

from conftest import KEY, SECRET, http

UTC = datetime.timezone.utc
NOON = "2020-01-02T12:00:00Z"


def now():
    return datetime.datetime.now(UTC)


@pytest.fixture
def server(start_server, prices):
    return start_server(
        f"--prices={prices}", f"--at={NOON}", "--speed=0", "--admin",
        f"--access-key-id={KEY}", f"--secret-access-key={SECRET}",
    )


def code_of(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_start_time_now_gives_the_prices_of_market_time(server, client):
    ec2 = client(server.url)
    answer = ec2.describe_spot_price_history(
        InstanceTypes=["p3.2xlarge"], ProductDescriptions=["Linux/UNIX"], StartTime=now()
    )
    assert answer["NextToken"] == ""
    assert {(p["AvailabilityZone"], p["SpotPrice"], p["Timestamp"]) for p in answer["SpotPriceHistory"]} == {
        ("us-east-1a", "1.000000", datetime.datetime(2020, 1, 2, tzinfo=UTC)),
        ("us-east-1b", "1.100000", datetime.datetime(2020, 1, 1, 6, tzinfo=UTC)),
    }
    assert {p["ProductDescription"] for p in answer["SpotPriceHistory"]} == {"Linux/UNIX"}


def test_each_region_has_its_own_market(server, client):
    answer = client(server.url, region="eu-west-1").describe_spot_price_history(StartTime=now())
    assert [p["SpotPrice"] for p in answer["SpotPriceHistory"]] == ["1.250000"]


def test_the_paginator_reads_every_page_once(server, client):
    pages = list(
        client(server.url)
        .get_paginator("describe_spot_price_history")
        .paginate(PaginationConfig={"PageSize": 2})
    )
    prices = [price for page in pages for price in page["SpotPriceHistory"]]
    rows = [(p["InstanceType"], p["AvailabilityZone"], p["Timestamp"]) for p in prices]
    assert len(pages) == 2
    assert len(rows) == len(set(rows)) == 4
    assert [row[2] for row in rows] == sorted((row[2] for row in rows), reverse=True)


def test_filters_take_wildcards(server, client):
    answer = client(server.url).describe_spot_price_history(
        Filters=[
            {"Name": "availability-zone", "Values": ["us-east-1?"]},
            {"Name": "instance-type", "Values": ["p3.1*", "p4*"]},
        ]
    )
    assert [p["InstanceType"] for p in answer["SpotPriceHistory"]] == ["p3.16xlarge"]


def test_a_price_move_arrives_when_market_time_does(server, client):
    ec2 = client(server.url)

    def price():
        answer = ec2.describe_spot_price_history(
            InstanceTypes=["p3.2xlarge"], AvailabilityZone="us-east-1a", StartTime=now()
        )
        return answer["SpotPriceHistory"][0]["SpotPrice"]

    assert price() == "1.000000"
    server.set_time("2020-01-03T00:00:00Z")
    assert price() == "1.300000"


def test_signatures_are_checked(server, client):
    assert code_of(client(server.url, secret="wrong").describe_spot_price_history) == "SignatureDoesNotMatch"
    assert code_of(client(server.url, key="AKIDNOBODY").describe_spot_price_history) == "AuthFailure"
    status, body = http(server.url + "/?Action=DescribeSpotPriceHistory&Version=2016-11-15")
    assert status == 403 and "MissingAuthenticationToken" in body


def test_boto3_raises_ec2s_errors(server, client):
    ec2 = client(server.url)
    assert code_of(lambda: ec2.describe_spot_price_history(MaxResults=1001)) == "InvalidParameterValue"
    assert code_of(lambda: ec2.describe_spot_price_history(NextToken="made-up")) == "InvalidNextToken"
    assert code_of(lambda: ec2.describe_spot_price_history(DryRun=True)) == "DryRunOperation"
    assert code_of(ec2.describe_instances) == "InvalidAction"
    nonsense = [{"Name": "color", "Values": ["red"]}]
    assert code_of(lambda: ec2.describe_spot_price_history(Filters=nonsense)) == "InvalidParameterValue"


def test_beyond_the_burst_boto3_is_throttled(start_server, prices, client):
    server = start_server(f"--prices={prices}", f"--at={NOON}", "--throttle=1:0")
    ec2 = client(server.url)
    ec2.describe_spot_price_history()
    assert code_of(ec2.describe_spot_price_history) == "RequestLimitExceeded"


def test_boto3_waits_out_the_throttle(start_server, prices, client):
    server = start_server(f"--prices={prices}", f"--at={NOON}", "--throttle=1:5")
    patient = client(server.url, attempts=8)
    for _ in range(4):
        assert patient.describe_spot_price_history()["SpotPriceHistory"]


def test_it_is_healthy_and_ends_cleanly(start_server, prices, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    server = start_server(f"--prices={prices}", f"--credentials={credentials}")
    assert http(server.url + "/healthz") == (200, "ok\n")
    assert http(server.url + "/admin/time")[0] == 404
    assert server.stop() == 0


HEADER = "instance_type,az,timestamp_utc,usd_per_hour\n"
GOOD = HEADER + "p3,a,2020-01-01T00:00:00Z,1\n"


@pytest.mark.parametrize(
    "content, flags, sentence",
    [
        (HEADER + "p3,a,2020-01-01T00:00:00Z,abc\n", [], "line 2: usd_per_hour 'abc'"),
        (GOOD + "p3,a,noon,1\n", [], "line 3: the time"),
        ("a,b\n", [], "names no known columns"),
        ("", [], "is empty"),
        (None, [], "there is no price file"),
        (GOOD, ["--at=noon"], "--at: 'noon'"),
        (GOOD, ["--throttle=fast"], "write 100:20"),
        (GOOD, ["--access-key-id=x"], "belong together"),
        (GOOD, ["--listen=somewhere"], "write 127.0.0.1:8080"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, content, flags, sentence):
    path = tmp_path / "prices.csv"
    if content is not None:
        path.write_text(content)
    command = [os.environ["MARKET_SERVER"], f"--prices={path}", *flags]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
