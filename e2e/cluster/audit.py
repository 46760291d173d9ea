"""The API server's audit log: the exact list of what each ServiceAccount asked of it."""

import dataclasses
import json
import pathlib

MUTATING = {"create", "update", "patch", "delete", "deletecollection"}

# Requests of ServiceAccounts outside kube-system, when they are answered; nothing else. What the
# components and the administrator do is no concern of the tests.
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


@dataclasses.dataclass(frozen=True)
class Write:
    """One answered request. `verb` and `resource` are the API's words, such as patch and
    trainingjobs.
    """

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    at: str  # RFC 3339, when the answer was complete

    def __str__(self):
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.verb} {resource} {where} -> {self.code}"


class AuditLog:
    """Reads the file that the API server appends to; an entry is in it before the client has its
    answer.
    """

    def __init__(self, path):
        self._path = pathlib.Path(path)

    def mark(self):
        """Where the log ends now; for `since`."""
        return self._path.stat().st_size if self._path.exists() else 0

    def requests(self, since=0, user=None):
        """Every answered request after the mark, reads included; of one user if given."""
        if not self._path.exists():
            return []
        with open(self._path, "rb") as log:
            log.seek(since)
            lines = log.read().split(b"\n")[:-1]  # the last piece is empty or an entry half written
        found = []
        for line in lines:
            event = json.loads(line)
            entry = self._entry(event)
            if event["stage"] == "ResponseComplete" and user in (None, entry.user):
                found.append(entry)
        return found

    def writes(self, since=0, user=None):
        """Those of them that may change something, refused ones included (see `.code`)."""
        return [request for request in self.requests(since, user) if request.verb in MUTATING]

    @staticmethod
    def _entry(event):
        reference = event.get("objectRef", {})
        return Write(
            user=event["user"]["username"],
            verb=event["verb"],
            resource=reference.get("resource", event["requestURI"]),
            subresource=reference.get("subresource", ""),
            namespace=reference.get("namespace", ""),
            name=reference.get("name", ""),
            code=event.get("responseStatus", {}).get("code", 0),
            at=event["stageTimestamp"],
        )
