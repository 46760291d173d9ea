"""What kube-proxy has told the kernel of a node, and what the kernel makes of it."""

import collections
import re

RULE = re.compile(
    r"-A (?P<chain>\S+) .*-j (?P<target>\S+)(?: --to-destination (?P<to>[\d.]+):\d+)?"
)
# Both directions of a connection that waits for its first answer: the second begins at the pod.
WAITING = re.compile(r" SYN_SENT src=\S+ dst=(?P<service>\S+) .*? src=(?P<pod>\S+) ")


def backends(rules, address):
    """The pods behind a cluster IP, from the output of `iptables-save -t nat`.

    Chains are followed from the Service on: kube-proxy removes those that nothing leads to any more
    only now and then.
    """
    chains = collections.defaultdict(list)
    for match in map(RULE.match, rules.splitlines()):
        if match:
            chains[match["chain"]].append(match)
    of_service = [rule for rule in chains["KUBE-SERVICES"] if f" -d {address}/32 " in rule[0]]
    found, ahead = set(), [rule["target"] for rule in of_service]
    while ahead:
        for rule in chains[ahead.pop()]:
            if rule["to"]:
                found.add(rule["to"])
            else:
                ahead.append(rule["target"])
    return found


def unanswered(connections, address):
    """Pod -> connections to a cluster IP without an answer, from `/proc/net/nf_conntrack`."""
    waiting = map(WAITING.search, connections.splitlines())
    return collections.Counter(m["pod"] for m in waiting if m and m["service"] == address)
