"""kubectl-spillway on a live cluster: as a kubectl plugin, by a user who may only read."""

import subprocess

import pytest
import yaml

from cluster import tools
from support.plugin import role_of_the_manual
from support.programs import built

ZONE = "us-east-1a"


@pytest.fixture
def plugin(start_plugin):
    return start_plugin("viewer", role_of_the_manual("spillway-viewer"))


def workload(answer, name):
    return next(w for w in answer.json["workloads"] if w["name"] == name)


def job_yaml(world, name, **spec):
    return yaml.safe_dump(
        {
            "apiVersion": "spillway.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": name, "namespace": world.namespace},
            "spec": {
                "accelerator": {"models": [{"name": world.model}], "perReplica": 1},
                "duration": "20m",
                "template": {"spec": {"containers": [{"name": "main", "image": "train:1"}]}},
                **spec,
            },
        }
    )


def test_plan_foretells_what_the_operator_then_does(world, plugin):
    world.open_market({ZONE: [(0, "0.90")]})
    operator = world.start_operator()
    spot = world.pool("spot", tier="Spot", zone=ZONE, nodes=2)
    world.pool("on-demand", tier="OnDemand", zone=ZONE, fixed="3.06", nodes=2)
    spot.wait_price("0.90")
    empty = plugin("plan", "-n", world.namespace)
    assert empty.code == 0
    assert "There is no workload to place" in empty.out

    # As if applied: nobody has made it yet.
    wanted = job_yaml(world, "train", replicas=2)
    foretold = plugin("plan", "-f", "-", "-o", "json", stdin=wanted)
    assert foretold.code == 0
    train = workload(foretold, "train")
    assert (train["change"], train["fromFile"]) == ("start", True)
    assert [seat["pool"] for seat in train["planned"]] == [spot.name]
    assert train["planned"][0]["ratePerHour"] == "1.80"
    assert world.pool_name("on-demand") in {choice["pool"] for choice in train["alternatives"]}
    world.wait_pass()
    assert not world.jobs(), "a plan makes nothing"

    world.kubectl.apply(wanted)
    job = world.training("train")
    status = job.wait_running(spot)
    assert status["placement"]["rate"] == "1.80"
    operator.stop()

    after = plugin("plan", "-n", world.namespace)
    assert "Nothing would change: the one workload" in after.out
    assert "stays" not in after.out
    told = plugin("explain", "tj/train", "-n", world.namespace)
    assert told.code == 0
    assert status["placement"]["reason"] in told.out
    assert f"stays: 2 {spot.name}" in told.out
    assert world.pool_name("on-demand") in told.out
    pool = plugin("explain", "cpool", spot.name, "-o", "yaml")
    document = yaml.safe_load(pool.out)
    assert document["now"]["price"]["perNodeHour"] == "0.90"
    assert [w["name"] for w in document["now"]["workloads"]] == ["train"]

    assert plugin.requests(), "the audit log has what was read"
    assert plugin.writes() == [], "it reads only"


def test_a_file_is_weighed_against_those_who_are_there(world, plugin):
    reserved = world.pool("reserved", tier="Reserved", zone=ZONE, fixed="1.00", nodes=1)
    world.pool("on-demand", tier="OnDemand", zone=ZONE, fixed="3.06", nodes=2)
    operator = world.start_operator()
    first = world.train("first", replicas=1, priority=0)
    first.wait_running(reserved)
    operator.stop()
    urgent = job_yaml(world, "urgent", priority=1000, tiers=["Reserved"])
    answer = plugin("plan", "-f", "-", "-o", "json", stdin=urgent)
    assert workload(answer, "urgent")["planned"][0]["pool"] == reserved.name
    displaced = workload(answer, "first")
    assert displaced["changedByFiles"] is True
    assert displaced["change"] in ("move", "release")
    assert displaced["cause"] == "Displaced"
    text = plugin("plan", "-f", "-", stdin=urgent)
    assert text.out.index("FROM THE FILES") < text.out.index("OTHERS THAT THE FILES CHANGE")
    assert plugin.writes() == []


def test_missing_rights_are_named(world, start_plugin):
    role = role_of_the_manual("spillway-viewer")
    role["metadata"]["name"] = "spillway-viewer-without-nodes"
    role["rules"] = [
        {**rule, "resources": [r for r in rule["resources"] if r not in ("nodes", "pods")]}
        for rule in role["rules"]
    ]
    role["rules"] = [rule for rule in role["rules"] if rule["resources"]]
    plugin = start_plugin("narrow", role)
    pool = world.pool("spot", tier="Spot", zone=ZONE, fixed="0.90", nodes=1)
    world.start_operator()
    world.train("train").wait_running(pool)
    refused = plugin("plan")
    assert refused.code == 1
    assert refused.out == ""
    assert "may not list nodes, pods in the whole cluster" in refused.err
    assert refused.err.count("\n") == 1
    # What is recorded can still be told.
    told = plugin("explain", "tj/train", "-n", world.namespace)
    assert told.code == 1
    assert pool.name in told.out
    assert "only what is recorded is shown" in told.err


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        (["explain", "tj/nobody"], None, 1, "there is no TrainingJob"),
        (["explain", "pod/train"], None, 2, "write trainingjob (tj)"),
        (["explain", "train"], None, 2, "write KIND/NAME"),
        (["plan", "-o", "xml"], None, 2, "write table, json or yaml"),
        (["plan", "--context", "nowhere"], None, 2, "nowhere"),
        (["plan", "-f", "/nowhere.yaml"], None, 2, "there is no file or folder '/nowhere.yaml'"),
        (["plan", "-f", "-"], "kind: [", 2, "standard input: line 1: this is not YAML"),
        (
            ["plan", "-f", tools.ROOT / "e2e/bad/trainingjob-duration-in-days.yaml"],
            None,
            2,
            "spec.duration",
        ),
        (["plan", "-f", tools.ROOT / "e2e/bad/trainingjob-deadline-in-the-past.yaml"], None, 2, "spec.deadline"),
        (["plan", "--config", "/nowhere.yaml"], None, 2, "there is no configuration file"),
    ],
)
def test_wrong_input_is_one_sentence(plugin, installation, arguments, stdin, code, words):
    answer = plugin(*arguments, stdin=stdin)
    assert answer.code == code
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert words in answer.err
    # kubectl itself adds a line about the exit code of a plugin in some versions: ours is the first.
    assert "\n" not in answer.err.removesuffix("\n").split("\nerror: exit status")[0]


def test_a_server_that_is_not_there_is_told(plugin, cluster, tmp_path):
    kubeconfig = tmp_path / "nowhere.kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {}}],
                "current-context": "c",
            }
        )
    )
    result = subprocess.run(
        [built("kubectl-spillway"), "plan", f"--kubeconfig={kubeconfig}"],
        capture_output=True,
        text=True,
        timeout=90,
    )
    print(result.stderr)
    assert result.returncode == 1
    assert "127.0.0.1" in result.stderr
