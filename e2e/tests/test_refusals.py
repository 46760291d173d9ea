"""Objects that make no sense are refused by the API server itself, with what to write instead."""

import pytest
import yaml

from cluster import tools

EXAMPLES = sorted((tools.ROOT / "e2e/bad").glob("*.yaml"))
GOOD = sorted((tools.ROOT / "examples").rglob("*.yaml"))
PLURALS = {
    "TrainingJob": "trainingjobs",
    "InferencePool": "inferencepools",
    "CapacityPool": "capacitypools",
    "CostPolicy": "costpolicies",
}


def path_of(manifest):
    group = f"/apis/{manifest['apiVersion']}"
    plural = PLURALS[manifest["kind"]]
    namespace = manifest["metadata"].get("namespace")
    where = f"namespaces/{namespace}/{plural}" if namespace else plural
    return f"{group}/{where}?fieldValidation=Strict&dryRun=All"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_it_is_refused_with_its_sentence(cluster, installation, file):
    text = file.read_text()
    first, _, _ = text.partition("\n")
    expected = first.removeprefix("# refused:").strip()
    assert expected and expected != first, "the first line says what the refusal has to contain"
    manifest = yaml.safe_load(text)
    status, answer = cluster.api.request("POST", path_of(manifest), manifest)
    print(status, answer)
    assert 400 <= status < 500, "it was taken"
    assert expected in answer.replace('\\"', '"'), "not by the sentence that is due"


def test_there_are_bad_objects_of_every_kind():
    kinds = {yaml.safe_load(file.read_text())["kind"] for file in EXAMPLES}
    assert kinds == set(PLURALS)
    assert len(EXAMPLES) > 40


def test_every_example_is_taken(kubectl, installation):
    for file in GOOD:
        kubectl("apply", "--dry-run=client", "--validate=strict", f"--filename={file}")
    namespaced = [
        document
        for file in GOOD
        for document in yaml.safe_load_all(file.read_text())
        if document and document["kind"] in PLURALS
    ]
    for document in namespaced:
        document["metadata"].pop("namespace", None)
    printed = kubectl.apply(namespaced, "--dry-run=server", "--validate=strict")
    print(printed)
    assert printed.count("created (server dry run)") == len(namespaced)
