"""kubectl, with answers as values."""

import json
import subprocess

from cluster import tools


class KubectlError(AssertionError):
    """kubectl said no; the text is what it wrote to its standard error."""


class Kubectl:
    """Calls kubectl with one kubeconfig: kubectl("get", "pods", "-A") returns what it prints."""

    def __init__(self, kubeconfig):
        self._command = [tools.path("kubectl"), f"--kubeconfig={kubeconfig}"]

    def __call__(self, *arguments, stdin=None, timeout=60):
        result = subprocess.run(
            [*self._command, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if result.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(map(str, arguments))}: {result.stderr.strip()}")
        return result.stdout

    def start(self, *arguments):
        """A command that goes on, such as following a log: its process, with text as output."""
        command = [*self._command, *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def json(self, *arguments):
        """The answer of a command as an object."""
        return json.loads(self(*arguments, "-o", "json"))

    def items(self, *arguments):
        """The objects of `kubectl get ...`."""
        return self.json("get", *arguments)["items"]

    def find(self, *arguments):
        """The object of `kubectl get ...`, or None when there is none."""
        printed = self("get", *arguments, "-o", "json", "--ignore-not-found")
        return json.loads(printed) if printed else None

    def apply(self, manifest, *arguments):
        """Applies an object, a list of objects or YAML text."""
        if isinstance(manifest, list):
            manifest = {"apiVersion": "v1", "kind": "List", "items": manifest}
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return self("apply", "-f", "-", *arguments, stdin=text)

    def refusal(self, *arguments, stdin=None):
        """What kubectl says against a command that has to fail."""
        try:
            printed = self(*arguments, stdin=stdin)
        except KubectlError as error:
            return str(error)
        command = " ".join(map(str, arguments))
        raise AssertionError(f"kubectl {command} should have been refused; it printed: {printed}")
