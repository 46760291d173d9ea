"""What a program leaves in a directory, after each of its system calls that can change a file.

strace stops all threads of the program behind every such call; while they stand still, the directory
is read. So each state is one that the program's death could have left.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

CHANGES = (
    "write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate,copy_file_range,sendfile,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat"
)
PATIENCE_SECONDS = 240


def read_tree(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(pathlib.Path(directory).rglob("*")) if path.is_file()
    }


def let_go(process):
    with contextlib.suppress(ProcessLookupError):  # it may have ended meanwhile
        os.kill(process, signal.SIGCONT)


class Recorder:
    def __init__(self, command, directory, log):
        self.directory, self.log = directory, log
        self.states = [read_tree(directory)]
        self.stopped = set()  # threads, since they were last let go
        self.seen = 0  # characters of the log
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={CHANGES}", "-e", f"inject={CHANGES}:signal=SIGSTOP", *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )

    def program(self):
        """Its process id, None before it is there."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def all_stopped(self, program):
        text = self.log.read_text() if self.log.exists() else ""
        whole = text.rfind("\n") + 1  # the last line may still be written
        news, self.seen = text[self.seen:whole], whole
        # A process id of less than five digits is filled up with spaces.
        self.stopped |= {int(thread) for thread in re.findall(r"^(\d+) +--- stopped by SIGSTOP", news, re.MULTILINE)}
        try:
            threads = {int(task.name) for task in pathlib.Path(f"/proc/{program}/task").iterdir()}
        except FileNotFoundError:
            return False
        for other in self.stopped - threads:  # what the program ran beside itself
            let_go(other)
        self.stopped &= threads
        return bool(threads) and threads <= self.stopped

    def record(self):
        """All states, each unlike the one before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"the program did not end; {len(self.states)} states"
            program = self.program()
            if program is None or not self.all_stopped(program):
                time.sleep(0.0005)
                continue
            self.add(read_tree(self.directory))
            self.stopped.clear()
            let_go(program)
        assert self.process.returncode == 0, self.process.stderr.read()
        self.add(read_tree(self.directory))
        return self.states

    def add(self, tree):
        if tree != self.states[-1]:
            self.states.append(tree)


def record(command, directory, log):
    recorder = Recorder(command, directory, log)
    try:
        return recorder.record()
    finally:
        if recorder.process.poll() is None:
            recorder.process.kill()
            recorder.process.wait()
