"""What happened, in the order in which etcd took it: a watch on some kinds of one namespace.

Polling would miss what matters most: that two things were never there at the same time.
"""

import dataclasses
import datetime
import json
import socket
import threading

KINDS = {
    "Job": "apis/batch/v1/namespaces/{namespace}/jobs",
    "Pod": "api/v1/namespaces/{namespace}/pods",
}
TRAINING_JOBS = {"TrainingJob": "apis/spillway.dev/v1alpha1/namespaces/{namespace}/trainingjobs"}
ATTEMPT = "spillway.dev/attempt"
TRAINING_JOB = "spillway.dev/training-job"
ENDED = {"Succeeded", "Failed"}


@dataclasses.dataclass(frozen=True)
class Change:
    revision: int
    kind: str
    type: str  # ADDED, MODIFIED, DELETED
    object: dict
    at: datetime.datetime  # when it was heard of

    @property
    def name(self):
        return self.object["metadata"]["name"]

    @property
    def owner(self):
        """The TrainingJob that it belongs to, by its label."""
        return self.object["metadata"].get("labels", {}).get(TRAINING_JOB)

    @property
    def attempt(self):
        return int(self.object["metadata"].get("labels", {}).get(ATTEMPT, 0))

    @property
    def ended(self):
        return self.type == "DELETED" or (
            self.kind == "Pod" and self.object["status"].get("phase") in ENDED
        )

    def __str__(self):
        phase = self.object.get("status", {}).get("phase", "")
        return f"{self.revision:>8} {self.kind:<4} {self.type:<8} {self.name} {phase}"


class History:
    """Watches from its creation on; the API server has to be up until `close`."""

    def __init__(self, api, namespace, more_kinds=None):
        self._api = api
        self._changes = []
        self._lock = threading.Lock()
        self._streams = []
        self._failures = []
        self._closing = False
        for kind, path in {**KINDS, **(more_kinds or {})}.items():
            path = "/" + path.format(namespace=namespace)
            revision = api.get(path)["metadata"]["resourceVersion"]
            connection, response = api.open(f"{path}?watch=1&resourceVersion={revision}")
            thread = threading.Thread(target=self._read, args=(kind, response), daemon=True)
            thread.start()
            self._streams.append((connection, thread))

    def close(self):
        self._closing = True
        for connection, thread in self._streams:
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)
            connection.close()
        self._streams = []
        assert not self._failures, f"the watch failed: {self._failures}"

    def changes(self, kind=None):
        with self._lock:
            found = [change for change in self._changes if kind in (None, change.kind)]
        return sorted(found, key=lambda change: change.revision)

    def created(self, kind):
        """Names, in order, of what was created; twice what was created twice."""
        return [change.name for change in self.changes(kind) if change.type == "ADDED"]

    def assert_one_attempt_at_a_time(self):
        """No Job of a TrainingJob was created while a pod of another of its attempts was alive."""
        alive = {}  # pod name -> change
        for change in self.changes():
            if change.owner is None:
                continue
            if change.kind == "Pod":
                if change.ended:
                    alive.pop(change.name, None)
                else:
                    alive[change.name] = change
            elif change.type == "ADDED":
                others = [
                    str(pod)
                    for pod in alive.values()
                    if pod.owner == change.owner and pod.attempt != change.attempt
                ]
                assert not others, f"{change} was created while these were alive:\n" + "\n".join(
                    others
                )

    def _read(self, kind, response):
        try:
            for line in response:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self._failures.append(event["object"])
                    return
                now = datetime.datetime.now(datetime.timezone.utc)
                revision = int(event["object"]["metadata"]["resourceVersion"])
                change = Change(revision, kind, event["type"], event["object"], now)
                with self._lock:
                    self._changes.append(change)
        except (OSError, ValueError, AttributeError) as error:
            if not self._closing:  # else the socket was shut down under the reader, by close()
                self._failures.append(repr(error))
