"""A store behind a private authority."""

import agents
import pytest
from certificates import write_certificates
from conftest import BUCKET, Store, Versitygw


@pytest.fixture
def secure(tmp_path):
    """(url, path of the authority's certificate)"""
    server = Versitygw(tmp_path, *write_certificates(tmp_path))
    (tmp_path / "data" / BUCKET).mkdir()
    yield server.url.replace("http://", "https://"), tmp_path / "ca.pem"
    server.stop()


def test_a_store_of_a_private_authority_is_trusted_only_with_its_certificate(secure):
    url, authority = secure
    store = Store(url)
    refused = store.probe("head", "k")
    assert refused["error"] == "Unavailable" and "is not accepted" in refused["message"], refused
    assert "tag" in store.probe("put", "k", "over TLS", PROBE_CA=str(authority))
    assert store.probe("get", "k", PROBE_CA=str(authority))["text"] == "over TLS"


def test_large_bodies_are_left_to_tls(secure, tmp_path):
    url, authority = secure
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    (source / "large").write_bytes(bytes(range(256)) * 80_000)
    answer = Store(url).probe("round-trip", str(source), "f/", str(target), PROBE_CA=str(authority))
    assert "error" not in answer, answer
    assert (target / "large").read_bytes() == (source / "large").read_bytes()


def test_the_agent_saves_and_restores_with_the_authority_it_is_told_and_not_without(secure, tmp_path):
    url, authority = secure
    (tmp_path / "in").mkdir()
    content = {"model.bin": bytes(range(256)) * 40_000, "small.json": b"{}"}
    agents.write_checkpoint(tmp_path / "in", 5, content)
    distrustful = agents.Sync(url, tmp_path / "in")
    agents.wait_until(lambda: any("is not accepted" in line for line in distrustful.lines), "a refusal of the certificate")
    assert distrustful.saved_step() is None
    distrustful.kill()

    agent = agents.Sync(url, tmp_path / "in", SPILLWAY_STORE_CA=authority)
    agents.wait_until(lambda: agent.saved_step() == 5, "upload")
    agent.kill()
    refused = agents.restore(url, tmp_path / "refused", 5)
    assert refused.returncode == 1 and "is not accepted" in refused.stderr
    done = agents.restore(url, tmp_path / "out", 5, SPILLWAY_STORE_CA=authority)
    assert done.returncode == 0, done.stderr
    assert agents.tree(tmp_path / "out" / "step-5") == content | {"_SUCCESS": b""}
