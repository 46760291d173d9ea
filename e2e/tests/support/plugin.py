"""kubectl-spillway as a kubectl plugin, run by a user of its own."""

import json
import os
import pathlib
import re
import subprocess

import yaml

from cluster import tools

from .programs import built

MANUAL = tools.ROOT / "docs/cli.md"


class Answer:
    def __init__(self, result):
        self.code = result.returncode
        self.out = result.stdout
        self.err = result.stderr

    @property
    def json(self):
        return json.loads(self.out)


class Plugin:
    """`kubectl spillway ...` with the kubeconfig of one user."""

    def __init__(self, kubeconfig, user, audit):
        self._kubeconfig = kubeconfig
        self._user = user
        self._audit = audit
        self._mark = audit.mark()
        folder = pathlib.Path(built("kubectl-spillway")).parent
        self._environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    def __call__(self, *arguments, stdin=None):
        # kubectl hands flags to a plugin only behind its name.
        command = [tools.path("kubectl"), "spillway", *map(str, arguments)]
        command.append(f"--kubeconfig={self._kubeconfig}")
        result = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=60, env=self._environment
        )
        print(f"$ kubectl spillway {' '.join(map(str, arguments))}\n{result.stdout}{result.stderr}")
        return Answer(result)

    def requests(self):
        return self._audit.requests(self._mark, self._user)

    def writes(self):
        return self._audit.writes(self._mark, self._user)


def role_of_the_manual(name):
    """The ClusterRole of that name that docs/cli.md tells an administrator to make."""
    blocks = re.findall(r"```yaml\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    documents = [document for block in blocks for document in yaml.safe_load_all(block)]
    return next(
        each
        for each in documents
        if each and each["kind"] == "ClusterRole" and each["metadata"]["name"] == name
    )
