"""spillway-agent as a process, a program beside it, and a proxy that can end the agent at any request."""

import http.client
import http.server
import json
import os
import pathlib
import signal
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request

import waiting
from conftest import BUCKET, KEY, REGION, SECRET

TOKEN, UID, PREFIX = "job-token", "uid-1", "root/team-a/llama/uid-1/"
PATIENCE_SECONDS = 30


def wait_until(condition, what):
    return waiting.wait_until(condition, PATIENCE_SECONDS, what, poll_seconds=0.02)


def environment(url, directory, attempt=1, **extra):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SPILLWAY_"))}
    return clean | {
        "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "SPILLWAY_STORE_ENDPOINT": url, "SPILLWAY_STORE_REGION": REGION, "SPILLWAY_STORE_PATH_STYLE": "true",
        "SPILLWAY_CHECKPOINT_URI": f"s3://{BUCKET}/{PREFIX}", "SPILLWAY_CHECKPOINT_DIR": str(directory),
        "SPILLWAY_CHECKPOINT_FORMAT": "SuccessFile", "SPILLWAY_ATTEMPT": str(attempt), "SPILLWAY_TOKEN": TOKEN,
        "SPILLWAY_JOB_NAMESPACE": "team-a", "SPILLWAY_JOB_NAME": "llama", "SPILLWAY_JOB_UID": UID,
        "SPILLWAY_AGENT_LISTEN": "127.0.0.1:0",
    } | {name: str(value) for name, value in extra.items()}


class Sync:
    def __init__(self, url, directory, command=(), **extra):
        self.process = subprocess.Popen(
            [*command, os.environ["SPILLWAY_AGENT"], "sync"], env=environment(url, directory, **extra),
            stderr=subprocess.PIPE, text=True,
        )
        self.lines = []
        self.port = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        wait_until(lambda: self.port or self.process.poll() is not None, "word from the agent")
        assert self.port, "".join(self.lines)

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            entry = json.loads(line) if line.startswith("{") else {}
            if entry.get("port"):
                self.port = entry["port"]

    def call(self, path="/v1/status", body=None, token=TOKEN):
        """(status, answer)"""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def status(self):
        code, answer = self.call()
        assert code == 200, answer
        return answer

    def saved_step(self):
        """None also while the agent cannot be asked: it may have been killed."""
        try:
            return self.status().get("saved", {}).get("step")
        except (urllib.error.URLError, ConnectionError, http.client.HTTPException):
            return None

    def ask(self, identity, seconds=20, attempt=1):
        deadline = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        return self.call("/v1/save", {"id": identity, "attempt": attempt, "deadline": deadline, "reason": "test"})

    def request_state(self):
        return self.status().get("request", {}).get("state")

    def end(self):
        """The exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=PATIENCE_SECONDS)


def restore(url, directory, step, attempt=2, written_by=1, **extra):
    """Runs the role to its end; the finished process."""
    folder = f"s3://{BUCKET}/{PREFIX}attempt-{written_by:04}/step-{step:012}/"
    variables = environment(url, directory, attempt=attempt, SPILLWAY_RESUME_FROM=folder, SPILLWAY_RESUME_STEP=step)
    return subprocess.run(
        [os.environ["SPILLWAY_AGENT"], "restore"], env=variables | {k: str(v) for k, v in extra.items()},
        capture_output=True, text=True, timeout=120, check=False,
    )


def write_checkpoint(directory, step, files, finished=True):
    """As a careful program does: a folder beside, its marker last, then the rename."""
    partial, final = directory / f"step-{step}.partial", directory / f"step-{step}"
    partial.mkdir(parents=True)
    for name, content in files.items():
        path = partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if finished:
        (partial / "_SUCCESS").write_bytes(b"")
    partial.rename(final)
    return final


def tree(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(pathlib.Path(directory).rglob("*")) if path.is_file()
    }


class Proxy:
    """Passes every request on; calls `at_request(number, moment)` before and after each."""

    def __init__(self, url):
        upstream = url.removeprefix("http://")
        proxy = self
        self.count = 0
        self.at_request = lambda number, moment: None
        self.lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with proxy.lock:
                    proxy.count += 1
                    number = proxy.count
                proxy.at_request(number, "before")
                connection = http.client.HTTPConnection(upstream, timeout=30)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                proxy.at_request(number, "after")
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

            def log_message(self, *arguments):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
