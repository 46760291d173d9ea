"""spillway-trainer: what it says, and gangs of it as processes of this machine."""

import datetime
import json
import os

from cluster import Process, wait_until
from cluster.control_plane import free_ports

from .programs import built

TOLD_TO_END = 143
WAIT = 60  # seconds


class Journal:
    """What one rank said: its lines, oldest first. `text` is what it printed."""

    def __init__(self, text):
        self.lines = []
        for line in text.splitlines():
            try:
                said = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut by a kill, or a library's word
            self.lines.append(said)

    def of(self, event):
        return [line for line in self.lines if line["event"] == event]

    def first(self, event):
        """The first of that name. LookupError when there is none, so that it can be waited for."""
        found = self.of(event)
        if not found:
            raise LookupError(f"no {event} among {[line['event'] for line in self.lines[-5:]]}")
        return found[0]

    @property
    def step(self):
        """The last step it did, 0 before."""
        steps = [line["step"] for line in self.lines if line["event"] in ("started", "step")]
        return steps[-1] if steps else 0

    @property
    def started_at_step(self):
        return self.first("started")["step"]

    @property
    def fingerprint(self):
        """Of the final weights."""
        return self.first("finished")["sha256"]


def at(line):
    """When a line was said."""
    return datetime.datetime.fromisoformat(line["at"].replace("Z", "+00:00"))


class Gang:
    """One attempt: a process for each rank, on the loopback interface."""

    def __init__(self, directory, attempt, ranks, flags, environment=None):
        self.attempt = attempt
        port = str(free_ports(1)[0])
        self.http_ports = free_ports(ranks)
        self.processes = []
        for rank in range(ranks):
            process = Process(directory, f"trainer-{attempt}-{rank}")
            variables = {
                "PATH": os.environ["PATH"],
                "RANK": str(rank),
                "WORLD_SIZE": str(ranks),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "SPILLWAY_ATTEMPT": str(attempt),
                **(environment or {}),
            }
            own = [flag.format(rank=rank, http_port=self.http_ports[rank]) for flag in flags]
            process.start([built("spillway-trainer"), *own], variables, die_with_parent=True)
            self.processes.append(process)

    def journal(self, rank):
        return Journal(self.processes[rank].log.read_text())

    def wait_step(self, step):
        wait_until(lambda: self.journal(0).step >= step, WAIT, f"step {step}")

    def wait_end(self):
        """The exit codes of all ranks."""
        for process in self.processes:
            assert process.wait(WAIT), f"{process.name} does not end; {process.log_tail()}"
        return [process.exit_code for process in self.processes]

    def kill(self):
        for process in self.processes:
            process.kill()
