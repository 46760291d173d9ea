"""Programs that may outlive whoever started them: a log and a pid file each, stopped by pid."""

import ctypes
import json
import os
import pathlib
import select
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def process_start_time(pid):
    """When a process started, in clock ticks since boot: with the pid it names one process for
    good.
    """
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def recorded_process(pid_file):
    """The pid in a file of a Process's `run` folder while that program runs, else None."""
    try:
        recorded = json.loads(pathlib.Path(pid_file).read_text())
    except FileNotFoundError:
        return None
    alive = process_start_time(recorded["pid"]) == recorded["start_time"]
    return recorded["pid"] if alive else None


class Process:
    """One program under a name; `directory` holds logs/<name>.log and run/<name>.json (pid and
    start time).

    Another Process of the same name and directory, in another Python process, controls the same
    program. Logs are appended to. With `die_with_parent` the kernel kills the program when the
    thread that started it ends.
    """

    def __init__(self, directory, name):
        self.name = name
        self.log = pathlib.Path(directory) / "logs" / f"{name}.log"
        self._pid_file = pathlib.Path(directory) / "run" / f"{name}.json"
        self._child = None

    @property
    def pid(self):
        """The pid while the program runs, else None. A pid that now belongs to another program is
        not ours.
        """
        return recorded_process(self._pid_file)

    @property
    def exit_code(self):
        """The exit code of a program that this object started and that has ended (negative: a
        signal), else None.
        """
        return self._child.poll() if self._child else None

    def start(self, command, environment=None, die_with_parent=False):
        """Starts it. Raises RuntimeError when it runs already."""
        if self.pid is not None:
            raise RuntimeError(f"{self.name} runs already, with pid {self.pid}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C at the terminal is for the caller alone
                preexec_fn=_die_with_parent if die_with_parent else None,
            )
        record = {
            "pid": self._child.pid,
            "start_time": process_start_time(self._child.pid),
            "command": str(command[0]),
        }
        temporary = self._pid_file.with_suffix(".partial")
        temporary.write_text(json.dumps(record))
        temporary.replace(self._pid_file)

    def signal(self, number):
        """Sends a signal. Raises ProcessLookupError when the program does not run."""
        pid = self.pid
        if pid is None:
            raise ProcessLookupError(f"{self.name} does not run")
        os.kill(pid, number)

    def pause(self):
        """SIGSTOP: connections stay open and nothing answers (a half-open peer)."""
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL, and waits for the end."""
        self._end(signal.SIGKILL, timeout=10)

    def stop(self, timeout=30):
        """SIGTERM, then SIGKILL after `timeout` seconds; does nothing when it does not run.

        Returns whether the program ended within the time.
        """
        if self._end(signal.SIGTERM, timeout):
            return True
        self.kill()
        return False

    def wait(self, timeout):
        """Waits for its end; returns whether it ended within `timeout` seconds."""
        pid = self.pid
        if pid is not None and not self._wait_for(pid, timeout):
            return False
        self._reap()
        return True

    def log_tail(self, lines=20):
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _end(self, number, timeout):
        pid = self.pid
        if pid is not None:
            try:
                os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)  # a paused program could not act on SIGTERM
            except ProcessLookupError:
                pass  # it ended by itself in between
            if not self._wait_for(pid, timeout):
                return False
        self._reap()
        self._pid_file.unlink(missing_ok=True)
        return True

    def _wait_for(self, pid, timeout):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            deadline = time.monotonic() + timeout
            while (left := deadline - time.monotonic()) > 0:
                if select.select([descriptor], [], [], left)[0]:
                    return True
            return process_start_time(pid) is None
        finally:
            os.close(descriptor)

    def _reap(self):
        if self._child:
            self._child.wait()
