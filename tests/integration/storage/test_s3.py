"""Our client against real servers, with boto3 as the other opinion."""

import os

import pytest

ODD_KEY = "a b/c+d/é/~x%20y&z=1"


def test_what_we_put_boto3_reads_and_the_other_way_round(store):
    assert "tag" in store.probe("put", ODD_KEY, "ours")
    assert store.get(ODD_KEY) == b"ours"
    store.put("their/key", b"theirs")
    assert store.probe("get", "their/key")["text"] == "theirs"
    assert store.probe("head", "their/key")["size"] == 6


def test_ranges_and_their_end(store):
    store.put("k", b"0123456789")
    assert store.probe("range", "k", "3", "4") == {"text": "3456", "size": 10}
    assert store.probe("range", "k", "8", "100") == {"text": "89", "size": 10}


def test_absence_is_told_from_everything_else(store):
    assert store.probe("head", "absent")["error"] == "NotFound"
    assert store.probe("get", "absent")["error"] == "NotFound"
    missing = store.probe("list", "", "", PROBE_BUCKET="no-such-bucket")
    assert missing["error"] == "Rejected" and "create it" in missing["message"]


def test_a_wrong_secret_is_not_absence(gateway):
    gateway.put("k", b"x")
    answer = gateway.probe("get", "k", AWS_SECRET_ACCESS_KEY="wrong")
    assert answer["error"] in ("Unauthorized", "Forbidden"), answer


def test_listings_are_complete_over_pages_with_any_key(store):
    wanted = {f"p/{i:04}": 1 for i in range(1003)} | {f"p/{ODD_KEY}": 1}
    for key in wanted:
        store.put(key, b"x")
    store.put("q", b"x")
    listing = store.probe("list", "p/", "")
    assert listing["objects"] == wanted
    assert listing["objects"] == store.keys("p/")


def test_folders_are_folded(store):
    for key in ("p/a/1", "p/a/2", "p/b/1", "p/c"):
        store.put(key, b"x")
    listing = store.probe("list", "p/", "/")
    assert listing["folders"] == ["p/a/", "p/b/"]
    assert list(listing["objects"]) == ["p/c"]


def test_a_conditional_put_happens_once(store):
    assert "tag" in store.probe("put-if-absent", "m", "first")
    assert "tag" in store.probe("put-if-absent", "m", "first"), "the same bytes count as ours"
    assert store.probe("put-if-absent", "m", "second")["error"] == "AlreadyExists"
    assert store.get("m") == b"first"


def test_removing_twice_succeeds(store):
    store.put("k", b"x")
    assert store.probe("remove", "k") == {}
    assert store.probe("remove", "k") == {}
    assert store.keys() == {}


def test_files_of_many_sizes_come_back_as_they_were(store, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "deep" / "er").mkdir(parents=True)
    target.mkdir()
    mib = 1 << 20
    sizes = {"empty": 0, "one": 1, "deep/chunk": 8 * mib, "deep/er/more": 8 * mib + 1, "large": 40 * mib + 12345}
    for name, size in sizes.items():
        (source / name).write_bytes(os.urandom(size))
    answer = store.probe("round-trip", str(source), "f/", str(target))
    assert "error" not in answer, answer
    for name, size in sizes.items():
        assert (target / name).read_bytes() == (source / name).read_bytes(), name
    assert store.keys("f/") == {"f/" + name: size for name, size in sizes.items()}
    assert store.open_uploads() == []


def test_a_file_of_any_size_needs_little_memory(gateway, tmp_path):
    """A sparse file: what it needs does not grow with it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    with open(tmp_path / "in" / "big", "wb") as file:
        file.truncate(400 << 20)
    answer = gateway.probe("round-trip", str(tmp_path / "in"), "f/", str(tmp_path / "out"))
    assert "error" not in answer, answer
    assert (tmp_path / "out" / "big").stat().st_size == 400 << 20
    assert answer["peakKiB"] < 64 << 10, answer


def test_given_up_uploads_leave_nothing(store):
    answer = store.probe("abandon", "big")
    assert answer == {"before": 1, "after": 0}
    assert store.open_uploads() == []


@pytest.mark.parametrize("name", ["Manifest", "SuccessFile", "TorchDistributed"])
def test_an_incomplete_checkpoint_is_passed_over(store, name):
    store.put("job/attempt-0001/step-5/a.bin", b"x")
    answer = store.probe("newest", "job/", name)
    assert "step" not in answer and len(answer["passedOver"]) == 1


def test_success_files_commit_in_the_order_of_the_writes(store):
    store.put("job/attempt-0001/step-5/a.bin", b"x")
    store.put("job/attempt-0001/step-5/_SUCCESS", b"")
    assert store.probe("newest", "job/", "SuccessFile")["step"] == 5
