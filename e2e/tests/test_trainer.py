"""The trainer of the tests on interruptions, without a cluster: whatever interrupts it, it ends
with the same bits.
"""

import json
import os
import random
import signal
import urllib.error
import urllib.request

import pytest

from cluster import wait_until
from support.object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY, ObjectStore
from support.trainer import TOLD_TO_END, WAIT, Gang

RANKS = 2
STEPS = 400
MODEL = [f"--steps={STEPS}", "--interval=50", "--hidden=256", "--peer-seconds=20"]
# Whom something is to happen to in between: four seconds from the first step to the last.
PACE = "--step-milliseconds=10"


@pytest.fixture
def start(tmp_path):
    """start(attempt, *flags, environment={}) -> Gang; its ranks keep directories of their own."""
    gangs = []

    def begin(attempt, *flags, environment=None, run="run", native=False):
        kept = ["--native"] if native else [f"--directory={tmp_path / run}/{{rank}}"]
        for rank in range(RANKS):
            (tmp_path / run / str(rank)).mkdir(parents=True, exist_ok=True)
        gangs.append(Gang(tmp_path / run, attempt, RANKS, [*MODEL, *kept, *flags], environment))
        return gangs[-1]

    yield begin
    for gang in gangs:
        gang.kill()


@pytest.fixture
def expected(start):
    """The final weights of a run that nothing interrupted."""
    gang = start(1, run="undisturbed")
    assert gang.wait_end() == [0, 0]
    fingerprints = {gang.journal(rank).fingerprint for rank in range(RANKS)}
    assert len(fingerprints) == 1
    return fingerprints.pop()


def test_killed_at_random_moments_it_ends_with_the_same_bits(start, expected):
    seed = int(os.environ.get("SPILLWAY_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SPILLWAY_SEED={seed}")
    draw = random.Random(seed)
    attempt, saved = 0, 0
    while attempt < 20:
        attempt += 1
        gang = start(attempt, *([PACE] if attempt <= 4 else []))
        if attempt <= 4:
            gang.wait_step(min(saved + draw.randrange(20, 120), STEPS - 10))
            victim = draw.randrange(RANKS)
            gang.processes[victim].kill()
            codes = gang.wait_end()
            assert codes[1 - victim] == 1, "a rank that has lost the other one does not go on"
        elif gang.wait_end() == [0, 0]:
            break
        journal = gang.journal(0)
        print(f"attempt {attempt}: from {journal.started_at_step} to {journal.step}")
        assert journal.started_at_step % 50 == 0 and journal.started_at_step >= saved
        saved = journal.started_at_step
    assert {gang.journal(rank).fingerprint for rank in range(RANKS)} == {expected}
    assert gang.journal(0).started_at_step > 0, "it began again instead of resuming"


def test_sigterm_to_one_rank_makes_all_save_the_same_step_and_end(start, expected):
    gang = start(1, PACE)
    gang.wait_step(70)
    gang.processes[1].signal(signal.SIGTERM)
    assert gang.wait_end() == [TOLD_TO_END, TOLD_TO_END]
    saved = [gang.journal(rank).of("saved")[-1] for rank in range(RANKS)]
    assert saved[0]["step"] == saved[1]["step"] > 50 and saved[0]["why"] == "request"
    gang = start(2)
    assert gang.wait_end() == [0, 0]
    assert gang.journal(0).started_at_step == saved[0]["step"]
    assert gang.journal(1).fingerprint == expected


def test_sigusr1_to_one_rank_makes_all_save_the_same_step_and_go_on(start, expected):
    gang = start(1, PACE)
    gang.wait_step(60)
    gang.processes[0].signal(signal.SIGUSR1)
    assert gang.wait_end() == [0, 0]
    asked = [
        [line["step"] for line in gang.journal(rank).of("saved") if line["why"] == "request"]
        for rank in range(RANKS)
    ]
    assert len(asked[0]) == 1 and asked[0] == asked[1]
    assert gang.journal(0).fingerprint == expected


def ask(port, token, body=None):
    """(HTTP status, answer) of the trainer's own end of save requests."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/save",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, None


def test_a_save_is_asked_for_over_http_once_and_with_the_token(start):
    flags = [PACE, "--http-port={http_port}", "--http-path=/save"]
    gang = start(3, *flags, environment={"SPILLWAY_TOKEN": "ours"})
    gang.wait_step(60)
    port = gang.http_ports[1]
    assert ask(port, "another's", {"id": "3-1", "attempt": 3}) == (401, None)
    assert ask(port, "ours", {"id": "3-1", "attempt": 2}) == (409, None)
    for _ in range(2):  # an answer may be lost: the same request comes again
        status, answer = ask(port, "ours", {"id": "3-1", "attempt": 3})
        assert status == 202 and answer["request"]["id"] == "3-1"
    wait_until(lambda: ask(port, "ours")[1]["request"]["state"] == "Saved", WAIT, "it to be saved")
    saved = ask(port, "ours")[1]["saved"]["step"]
    asked = [line["step"] for line in gang.journal(0).of("saved") if line["why"] == "request"]
    assert asked == [saved]


def test_in_native_mode_it_writes_to_the_store_itself_and_resumes_from_what_it_is_told(
    start, expected, tmp_path
):
    store = ObjectStore(tmp_path).start()
    try:
        bucket = store.make_bucket("training")
        job = "runs/team-a/fit/uid-1/"
        environment = {
            "SPILLWAY_STORE_ENDPOINT": store.endpoint,
            "SPILLWAY_STORE_REGION": store.region,
            "SPILLWAY_STORE_PATH_STYLE": "true",
            "SPILLWAY_STORE_CREDENTIALS": "environment",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }
        first = {"SPILLWAY_CHECKPOINT_URI": f"s3://{bucket}/{job}attempt-0001/"}
        gang = start(1, "--step-milliseconds=2", environment=environment | first, native=True)
        gang.wait_step(120)
        gang.kill()
        folder = f"{job}attempt-0001/checkpoint-100/"
        assert store.keys(bucket, folder) == [
            f"{folder}_SUCCESS",
            f"{folder}model-00001-of-00002.safetensors",
            f"{folder}model-00002-of-00002.safetensors",
        ]
        resume = {
            "SPILLWAY_CHECKPOINT_URI": f"s3://{bucket}/{job}attempt-0002/",
            "SPILLWAY_RESUME_FROM": f"s3://{bucket}/{folder}",
            "SPILLWAY_RESUME_STEP": "100",
        }
        gang = start(2, environment={**environment, **resume}, native=True)
        assert gang.wait_end() == [0, 0]
        assert gang.journal(1).started_at_step == 100
        assert gang.journal(1).fingerprint == expected
        assert f"{job}attempt-0002/checkpoint-{STEPS}/_SUCCESS" in store.keys(bucket, job)
    finally:
        store.stop()


def test_without_the_step_it_has_to_resume_from_it_computes_nothing(start):
    gang = start(2, environment={"SPILLWAY_RESUME_STEP": "100"})
    assert gang.wait_end() == [1, 1]
    assert not gang.journal(0).of("step")
    assert "has to resume from step 100" in gang.journal(0).first("failed")["message"]
