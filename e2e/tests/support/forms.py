"""What Spillway's programs ask of an API server, held against the script of tests/conformance."""

import subprocess

from support.programs import built

PROGRAMS = ("spillway-operator/", "spillway-agent/", "kubectl-spillway/")

# Asked of real API servers alone: what the simulator has not, and why.
ELSEWHERE = {
    # It has no users.
    "create selfsubjectreviews.authentication.k8s.io ?fieldManager",
}
# A collection of the Gateway API's, which the simulator has not: nothing there would route to it.
GATEWAY = "inferencepools.inference.networking.k8s.io"


def held_to_the_script(audit):
    """For a fixture: at its end whatever was asked of the API server has to be in the script, so
    that the simulator's API server is held to the real one in it.
    """
    yield
    listed = subprocess.run([built("conformance-forms")], check=True, capture_output=True, text=True)
    asked = {form for form in audit.forms(PROGRAMS) if GATEWAY not in form}
    missing = sorted(asked - set(listed.stdout.splitlines()) - ELSEWHERE)
    assert not missing, "tests/conformance has no step that asks:\n" + "\n".join(missing)
