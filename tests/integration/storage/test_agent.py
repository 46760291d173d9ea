"""spillway-agent against a real object store: what it uploads, when it counts, what comes back."""

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest
from agents import PREFIX, Proxy, Sync, restore, tree, wait_until, write_checkpoint

MIB = 1 << 20
SMALL = {"model.bin": b"weights" * 1000, "deep/optim.bin": b"state" * 500}


@pytest.fixture
def agents():
    """start(url, directory, ...): a running sync, ended with the test."""
    running = []

    def start(*arguments, **extra):
        running.append(Sync(*arguments, **extra))
        return running[-1]

    yield start
    for agent in running:
        agent.kill()


@pytest.fixture
def proxy(gateway):
    server = Proxy(gateway.url)
    yield server
    server.stop()


def folder(step, attempt=1):
    return f"{PREFIX}attempt-{attempt:04}/step-{step:012}/"


def newest(store):
    return store.probe("newest", PREFIX, "Manifest")


def test_a_finished_checkpoint_is_uploaded_and_comes_back_as_it_was(gateway, agents, tmp_path):
    files = SMALL | {"big.bin": os.urandom(20 * MIB + 77), "empty.txt": b"x"}
    source = write_checkpoint(tmp_path / "in", 500, files)
    agent = agents(gateway.url, tmp_path / "in")
    wait_until(lambda: agent.saved_step() == 500, "upload")
    saved = agent.status()["saved"]
    assert saved["uri"].endswith(folder(500)) and saved["bytes"] == sum(len(c) for c in files.values())
    found = newest(gateway)
    assert (found["step"], found["attempt"]) == (500, 1) and found["passedOver"] == []
    done = restore(gateway.url, tmp_path / "out", 500)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "out") == {f"step-500/{name}": content for name, content in tree(source).items()}


def test_nothing_unfinished_is_uploaded(gateway, agents, tmp_path):
    directory = tmp_path / "in"
    write_checkpoint(directory, 1, SMALL, finished=False)
    agent = agents(gateway.url, directory)
    write_checkpoint(directory, 2, SMALL)
    wait_until(lambda: agent.saved_step() == 2, "upload")
    assert not [key for key in gateway.keys() if folder(1) in key]


def test_what_was_uploaded_stays_what_it_is(gateway, agents, tmp_path):
    """A container that is started again finds its step committed and does not touch it."""
    write_checkpoint(tmp_path / "in", 3, SMALL)
    first = agents(gateway.url, tmp_path / "in")
    wait_until(lambda: first.saved_step() == 3, "upload")
    first.kill()
    before = gateway.get(folder(3) + "MANIFEST.json")
    (tmp_path / "in" / "step-3" / "model.bin").write_bytes(b"other weights")
    (tmp_path / "in" / "step-3" / "_SUCCESS").write_bytes(b"")
    second = agents(gateway.url, tmp_path / "in")
    wait_until(lambda: second.saved_step() == 3, "look")
    assert gateway.get(folder(3) + "MANIFEST.json") == before
    assert gateway.get(folder(3) + "rank-00000/step-3/model.bin") == SMALL["model.bin"]


def test_the_last_checkpoint_is_uploaded_at_the_end(gateway, agents, tmp_path):
    agent = agents(gateway.url, tmp_path / "in")
    write_checkpoint(tmp_path / "in", 9, SMALL)
    assert agent.end() == 0
    assert newest(gateway)["step"] == 9


def test_idle_it_needs_little(gateway, agents, tmp_path):
    """Of what a process needs, its own memory; measured after it has uploaded 64 MiB."""
    write_checkpoint(tmp_path / "in", 1, {"big.bin": bytes(64 * MIB)})
    agent = agents(gateway.url, tmp_path / "in")
    wait_until(lambda: agent.saved_step() == 1, "upload")
    memory = dict(line.split(":", 1) for line in open(f"/proc/{agent.process.pid}/status") if ":" in line)
    kib = {name: int(memory[name].split()[0]) for name in ("VmHWM", "RssAnon", "VmRSS")}
    print(kib)
    assert kib["VmHWM"] < 64 << 10 and kib["VmRSS"] < 20 << 10, kib


def test_every_writer_has_to_commit(gateway, agents, tmp_path):
    ranks = []
    for rank in range(2):
        write_checkpoint(tmp_path / f"in-{rank}", 7, {f"shard-{rank}": bytes([rank]) * 5000})
        ranks.append(agents(gateway.url, tmp_path / f"in-{rank}", RANK=rank, WORLD_SIZE=2))
        wait_until(lambda: ranks[-1].saved_step() == 7, "upload")
        found = newest(gateway)
        assert ("step" in found) == (rank == 1), found
    for rank in range(2):
        done = restore(gateway.url, tmp_path / f"out-{rank}", 7, RANK=rank, WORLD_SIZE=2)
        assert done.returncode == 0, done.stderr
        assert set(tree(tmp_path / f"out-{rank}")) == {f"step-7/shard-{rank}", "step-7/_SUCCESS"}
    whole = restore(gateway.url, tmp_path / "out-all", 7)  # another number of pods: everything
    assert whole.returncode == 0, whole.stderr
    assert set(tree(tmp_path / "out-all")) == {"step-7/shard-0", "step-7/shard-1", "step-7/_SUCCESS"}


def test_a_checkpoint_of_one_writer_goes_to_every_pod(gateway, agents, tmp_path):
    only_first = {"WORLD_SIZE": 2, "SPILLWAY_CHECKPOINT_WRITERS": 1}
    write_checkpoint(tmp_path / "in", 7, SMALL)
    first = agents(gateway.url, tmp_path / "in", RANK=0, **only_first)
    wait_until(lambda: first.saved_step() == 7, "upload")
    assert newest(gateway)["step"] == 7
    for rank in range(2):
        done = restore(gateway.url, tmp_path / f"out-{rank}", 7, RANK=rank, **only_first)
        assert done.returncode == 0, done.stderr
        assert "step-7/model.bin" in tree(tmp_path / f"out-{rank}")


def test_a_zombie_commits_nothing_over_its_successor(gateway, agents, tmp_path):
    zombie = agents(gateway.url, tmp_path / "old", attempt=1)
    write_checkpoint(tmp_path / "old", 1, SMALL)
    wait_until(lambda: zombie.saved_step() == 1, "upload")
    successor = agents(gateway.url, tmp_path / "new", attempt=2)
    wait_until(lambda: PREFIX + "attempt-0002/ATTEMPT" in gateway.keys(), "announcement")
    write_checkpoint(tmp_path / "old", 900, SMALL)
    assert zombie.ask("z-1")[0] == 202
    wait_until(lambda: zombie.request_state() == "Failed", "refusal")
    assert "attempt 2 has taken over" in zombie.status()["request"]["message"]
    write_checkpoint(tmp_path / "new", 2, SMALL)
    wait_until(lambda: successor.saved_step() == 2, "upload")
    assert (newest(gateway)["attempt"], newest(gateway)["step"]) == (2, 2)
    assert not [key for key in gateway.keys() if folder(900) in key]


# --- save requests ---

PROGRAM = """
import os, signal, sys, time
directory, flag = sys.argv[1], os.path.join(sys.argv[1], "saves-wanted")
def save(*_):
    step = 1 + max([int(name[5:]) for name in os.listdir(directory) if name[:5] == "step-" and name[5:].isdigit()], default=0)
    partial = os.path.join(directory, f"step-{step}.partial")
    os.mkdir(partial)
    for name, content in (("model.bin", "weights %d" % step), ("_SUCCESS", "")):
        with open(os.path.join(partial, name), "w") as file: file.write(content)
    os.rename(partial, os.path.join(directory, f"step-{step}"))
signal.signal(signal.SIGUSR1, save)
print("up", flush=True)
while True:
    if os.path.exists(flag):
        os.remove(flag); save()
    time.sleep(0.05)
"""


@pytest.fixture
def program(tmp_path):
    (tmp_path / "in").mkdir()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "in")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.wait()


def saved_after(agent, identity):
    code, answer = agent.ask(identity)
    assert code == 202 and answer["request"]["id"] == identity
    wait_until(lambda: agent.request_state() == "Saved", "saved checkpoint")
    return agent.status()["saved"]


def test_the_program_is_asked_by_a_file(gateway, agents, program, tmp_path):
    trigger = f"file:{tmp_path}/in/saves-wanted"
    agent = agents(gateway.url, tmp_path / "in", SPILLWAY_TRIGGER=trigger)
    assert saved_after(agent, "r-1")["step"] == 1
    assert saved_after(agent, "r-2")["step"] == 2
    saved = agent.status()["saved"]
    assert saved["saveSeconds"] < 10 and saved["uploadSeconds"] < 10
    assert newest(gateway)["step"] == 2


def test_the_same_request_again_is_answered_and_not_carried_out_twice(gateway, agents, program, tmp_path):
    agent = agents(gateway.url, tmp_path / "in", SPILLWAY_TRIGGER=f"file:{tmp_path}/in/saves-wanted")
    saved_after(agent, "r-1")
    code, answer = agent.ask("r-1")
    assert code == 202 and answer["request"]["state"] == "Saved"
    assert agent.saved_step() == 1


def test_the_program_is_asked_over_http(gateway, agents, tmp_path):
    directory = tmp_path / "in"
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"])
            if len(asked) == 1:  # not ready yet: it is asked again
                self.send_response(503)
            else:
                write_checkpoint(directory, 1, SMALL)
                self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    agent = agents(gateway.url, directory, SPILLWAY_TRIGGER=f"http:{server.server_address[1]}/checkpoint")
    assert saved_after(agent, "r-1")["step"] == 1
    assert asked == ["r-1", "r-1"]
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a process namespace of its own needs root")
def test_the_program_is_asked_by_a_signal(gateway, agents, tmp_path):
    """In a process namespace of their own, as in a pod: the signal goes to whoever handles it there."""
    directory = tmp_path / "in"
    directory.mkdir()
    script = tmp_path / "pod"
    script.write_text(f'"{sys.executable}" -c \'{PROGRAM}\' "{directory}" >/dev/null & sleep 1000 & exec "$@"\n')
    agent = agents(
        gateway.url, directory, command=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", str(script)),
        SPILLWAY_TRIGGER="signal:SIGUSR1",
    )
    assert saved_after(agent, "r-1")["step"] == 1
    assert agent.process.poll() is None


def test_a_request_that_cannot_be_met_fails_at_its_deadline_and_says_why(gateway, agents, tmp_path):
    agent = agents(gateway.url, tmp_path / "in", SPILLWAY_TRIGGER="http:1/checkpoint")
    assert agent.ask("r-1", seconds=2)[0] == 202
    wait_until(lambda: agent.request_state() == "Failed", "failure")
    message = agent.status()["request"]["message"]
    assert "at the deadline" in message and "asking the program" in message


def test_only_the_operator_is_listened_to(gateway, agents, tmp_path):
    agent = agents(gateway.url, tmp_path / "in")
    assert agent.call(token="another")[0] == 401
    assert agent.call("/v1/save", {"id": "x"}, token="another")[0] == 401
    assert agent.call("/v1/save", {"id": "x"})[0] == 400
    assert agent.call("/v1/save", {"id": "x" * 20_000})[0] == 413
    assert agent.ask("r-1", attempt=2)[0] == 409
    assert agent.call("/metrics")[0] == 404
    assert "request" not in agent.status()


# --- what may go wrong ---

def test_the_store_may_be_away_for_a_while(gateway, agents, tmp_path, proxy):
    broken = threading.Event()
    broken.set()

    def fail_while_broken(number, moment):
        if broken.is_set():
            raise ConnectionResetError

    proxy.at_request = fail_while_broken
    write_checkpoint(tmp_path / "in", 4, SMALL)
    agent = agents(proxy.url, tmp_path / "in")
    wait_until(lambda: proxy.count >= 3, "tries")
    assert agent.saved_step() is None
    broken.clear()
    wait_until(lambda: agent.saved_step() == 4, "upload")


def test_restore_takes_no_damaged_byte(gateway, agents, tmp_path):
    write_checkpoint(tmp_path / "in", 5, SMALL)
    agent = agents(gateway.url, tmp_path / "in")
    wait_until(lambda: agent.saved_step() == 5, "upload")
    key = folder(5) + "rank-00000/step-5/model.bin"
    gateway.put(key, gateway.get(key)[:-1] + b"?")
    done = restore(gateway.url, tmp_path / "out", 5)
    assert done.returncode == 1 and "damaged" in done.stderr
    assert not (tmp_path / "out" / "step-5").exists()


def test_restore_without_a_checkpoint_begins_at_the_beginning(gateway, tmp_path):
    from agents import environment
    done = subprocess.run(
        [os.environ["SPILLWAY_AGENT"], "restore"], env=environment(gateway.url, tmp_path / "out"),
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0 and (tmp_path / "out").is_dir()


def test_restore_says_what_is_missing(gateway, tmp_path):
    done = restore(gateway.url, tmp_path / "out", 77)
    assert done.returncode == 1 and "no MANIFEST.json" in done.stderr
    wrong = restore(gateway.url, tmp_path / "out", 77, SPILLWAY_STORE_ENDPOINT="ftp://x")
    assert wrong.returncode == 2 and "SPILLWAY_STORE_ENDPOINT" in wrong.stderr


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_request_it_leaves_no_half_state(gateway, agents, tmp_path, proxy, moment):
    """kill -9 at the n-th request of the upload, before the store has it or before the agent has the answer."""
    files = SMALL | {"big.bin": os.urandom(9 * MIB)}
    source = write_checkpoint(tmp_path / "in", 6, files)
    whole = {f"step-6/{name}": content for name, content in tree(source).items()}
    killed_at, ended = 0, False
    while not ended:
        killed_at += 1
        for key in gateway.keys():
            gateway.probe("remove", key)
        proxy.count = 0
        killed = threading.Event()
        holder = []

        def kill_at(number, when, killed_at=killed_at, killed=killed, holder=holder):
            if number < killed_at or (number == killed_at and when != moment and moment == "after"):
                return
            wait_until(lambda: holder, "agent")
            killed.set()  # first: who sees it dead asks whether it was killed
            holder[0].process.kill()
            raise ConnectionResetError

        proxy.at_request = kill_at
        agent = agents(proxy.url, tmp_path / "in")
        holder.append(agent)
        wait_until(lambda: killed.is_set() or agent.process.poll() is not None or agent.saved_step() == 6, "end")
        ended = not killed.is_set()
        agent.kill()
        proxy.at_request = lambda number, when: None
        found = newest(gateway)
        if "step" in found:
            done = restore(gateway.url, tmp_path / f"after-{killed_at}", 6)
            assert done.returncode == 0, done.stderr
            assert tree(tmp_path / f"after-{killed_at}") == whole
        # Started again, it finishes, and nothing of the earlier life is in the way.
        again = agents(gateway.url, tmp_path / "in")
        wait_until(lambda: again.saved_step() == 6, "upload")
        again.kill()
        done = restore(gateway.url, tmp_path / f"out-{killed_at}", 6)
        assert done.returncode == 0, done.stderr
        assert tree(tmp_path / f"out-{killed_at}") == whole
    print(f"killed at {killed_at - 1} requests")
    assert killed_at > 10
