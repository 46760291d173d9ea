"""Our reader of a queue against moto's SQS, with boto3 as the sender."""

import json
import os
import subprocess

import boto3
import pytest
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDQUEUETEST", "AWS_SECRET_ACCESS_KEY": "queue+test/secret"}


@pytest.fixture
def queue():
    """(boto3 client, queue URL)"""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "sqs", endpoint_url=f"http://{host}:{port}", region_name=REGION,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    url = client.create_queue(QueueName="spillway")["QueueUrl"]
    yield client, f"http://{host}:{port}/" + url.split("/", 3)[3]
    server.stop()


def event(kind, detail):
    return json.dumps({
        "version": "0", "id": "1", "detail-type": kind, "source": "aws.ec2", "account": "123456789012",
        "time": "2026-11-21T12:00:00Z", "region": REGION, "resources": [], "detail": detail,
    })


def test_what_eventbridge_says_is_heard_and_acknowledged(queue):
    client, url = queue
    for body in (
        event("EC2 Spot Instance Interruption Warning", {"instance-id": "i-1", "instance-action": "terminate"}),
        event("EC2 Instance Rebalance Recommendation", {"instance-id": "i-2"}),
        event("EC2 Instance State-change Notification", {"instance-id": "i-3", "state": "terminated"}),
        "<not an event> & \"quoted\"",
    ):
        client.send_message(QueueUrl=url, MessageBody=body)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | KEYS
    done = subprocess.run(
        [os.environ["QUEUE_PROBE"], url, REGION, "4"], env=environment, capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stderr
    heard = {word["instance"]: word["kind"] for word in json.loads(done.stdout)}
    assert heard == {"i-1": "interruption", "i-2": "rebalance", "i-3": "gone"}
    counts = client.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
    assert set(counts.values()) == {"0"}, counts
