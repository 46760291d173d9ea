"""The API server's audit log: the exact list of what each ServiceAccount asked of it."""

import dataclasses
import json
import pathlib
import urllib.parse

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

    def _events(self, since=0):
        if not self._path.exists():
            return
        with open(self._path, "rb") as log:
            log.seek(since)
            while (line := log.readline()).endswith(b"\n"):  # the last may be half written
                yield json.loads(line)

    def requests(self, since=0, user=None):
        """Every answered request after the mark, reads included; of one user if given."""
        found = []
        for event in self._events(since):
            entry = self._entry(event)
            if event["stage"] == "ResponseComplete" and user in (None, entry.user):
                found.append(entry)
        return found

    def forms(self, agents):
        """In what forms programs whose user agents begin so have asked, as the script of
        tests/conformance says it (request_form.h), as far as the log shows: no bodies.
        """
        return {
            self._form(event)
            for event in self._events()
            if event.get("userAgent", "").startswith(agents)
        }

    def writes(self, since=0, user=None):
        """Those of them that may change something, refused ones included (see `.code`)."""
        return [request for request in self.requests(since, user) if request.verb in MUTATING]

    @staticmethod
    def _form(event):
        reference = event.get("objectRef", {})
        query = urllib.parse.urlsplit(event["requestURI"]).query
        names = sorted(name for name, _ in urllib.parse.parse_qsl(query, keep_blank_values=True))
        # Only an apply forces; the log does not tell the types of patches apart.
        verb = "apply" if event["verb"] == "patch" and "force" in names else event["verb"]
        resource = reference.get("resource", event["requestURI"])
        for separator, part in ((".", "apiGroup"), ("/", "subresource")):
            if reference.get(part):
                resource += separator + reference[part]
        reads_all = verb in ("list", "watch") and not reference.get("namespace")
        form = f"{verb} {resource}" + (" everywhere" if reads_all else "")
        return form + (" ?" + "&".join(names) if names else "")

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
