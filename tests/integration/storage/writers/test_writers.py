"""What real writers leave behind, cut off at every point: never finished or valid before the writer's
own commit, and both from then on.
"""

import pathlib
import shutil
import subprocess
import sys

import pytest
from recorder import read_tree, record

HERE = pathlib.Path(__file__).parent
PREFIX = "root/team-a/llama/uid-1/"
STEP = 1200


@pytest.fixture
def writer(tmp_path):
    """writer(installed_as, program, *arguments) -> every state of the directory it wrote to."""

    def run(name, program, *arguments):
        if shutil.which("strace") is None:
            pytest.skip("strace is missing")
        python = subprocess.run([HERE / "install", "--python", name], capture_output=True, text=True, check=True).stdout.strip()
        if not python:
            pytest.skip(f"{name} is not installed: run `make writers`")
        directory = tmp_path / "written"
        directory.mkdir()
        states = record([python, "-B", HERE / program, directory, *arguments], directory, tmp_path / "trace")
        print(f"{program}: {len(states)} states, at the end {sorted(states[-1])}")
        assert len(states) > 4, "the writer was not watched"
        return states

    return run


def missed(states, committed):
    """That the recording has the moment before the commit, and the commit."""
    known = [committed(state) for state in states]
    return known[0] or not known[-1] or known != sorted(known)


def bring_to(directory, tree):
    """Writes what is new in the tree and removes what is gone; the rest keeps its time."""
    there = read_tree(directory)
    for name, content in tree.items():
        if there.get(name) != content:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for name in there.keys() - tree.keys():
        (directory / name).unlink()


def assert_finished_when_committed(gateway, directory, states, committed, kind):
    """The agent, which looks at a directory."""
    directory.mkdir()
    for number, state in enumerate(states):
        bring_to(directory, state)
        sight = gateway.probe("look", str(directory), kind)
        expected = [STEP] if committed(state) else []
        assert sight.get("finished") == expected, (number, sorted(state), sight)


def assert_valid_when_committed(gateway, states, committed, kind):
    """The operator, which looks at the store: the same writes there, one after the other."""
    folder, there = f"{PREFIX}attempt-0001/", {}
    for state in states:
        changed = [name for name, content in state.items() if there.get(name) != content]
        for name in changed:
            gateway.put(folder + name, state[name])
            there[name] = state[name]
            found = gateway.probe("newest", PREFIX, kind)
            whole = committed(state) and all(there.get(other) == content for other, content in state.items())
            assert found.get("step") == (STEP if whole else None), (name, sorted(there), found)
        for name in sorted(there.keys() - state.keys()):
            gateway.client.delete_object(Bucket="models", Key=folder + name)
            del there[name]
    assert gateway.probe("newest", PREFIX, kind).get("step") == STEP


def test_orbax_on_a_file_system_counts_from_its_rename(writer, gateway, tmp_path):
    states = writer("orbax", "write_orbax.py", "rename")

    def committed(state):
        return any(name.startswith(f"{STEP}/") for name in state)

    assert not missed(states, committed)
    assert_finished_when_committed(gateway, tmp_path / "cut", states, committed, "Orbax")


def test_orbax_without_renames_counts_from_its_marker(writer, gateway, tmp_path):
    states = writer("orbax", "write_orbax.py", "marker")

    def committed(state):
        return f"{STEP}/commit_success.txt" in state

    assert not missed(states, committed)
    assert_finished_when_committed(gateway, tmp_path / "cut", states, committed, "Orbax")
    assert_valid_when_committed(gateway, states, committed, "Orbax")


def test_torch_distributed_counts_from_its_metadata(writer, gateway, tmp_path):
    states = writer("torch", "write_torch.py")

    def committed(state):
        return f"step-{STEP}/.metadata" in state

    assert not missed(states, committed)
    assert {f"step-{STEP}/__0_0.distcp", f"step-{STEP}/__0_1.distcp"} < set(states[-1])
    assert_finished_when_committed(gateway, tmp_path / "cut", states, committed, "TorchDistributed")
    assert_valid_when_committed(gateway, states, committed, "TorchDistributed")


def test_sharded_safetensors_count_from_their_index(writer, gateway, tmp_path):
    states = writer("torch", "write_safetensors.py")
    index = f"step-{STEP}/model.safetensors.index.json"

    def committed(state):
        return state.get(index) == states[-1][index]

    assert not missed(states, committed)
    assert_finished_when_committed(gateway, tmp_path / "cut", states, committed, "Safetensors")
    assert_valid_when_committed(gateway, states, committed, "Safetensors")


def test_the_recording_sees_each_write_and_rename_by_itself(tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("strace is missing")
    directory = tmp_path / "written"
    directory.mkdir()
    lines = ["import os", "f = open('a', 'wb', 0)", "f.write(b'one')", "f.write(b'two')", "os.rename('a', 'b')", "os.remove('b')"]
    program = [sys.executable, "-B", "-c", "\n".join([lines[0], f"os.chdir({str(directory)!r})", *lines[1:]])]
    states = record(program, directory, tmp_path / "trace")
    assert [{name: content.decode() for name, content in state.items()} for state in states] == [
        {}, {"a": "one"}, {"a": "onetwo"}, {"b": "onetwo"}, {}
    ]
