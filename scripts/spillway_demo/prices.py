"""Which recorded prices the demo replays, and the two instants that its story needs."""

import csv
import datetime
import os
import pathlib

INSTANCE_TYPE = "p3.2xlarge"
# The zones of the two spot pools that compete (examples/pools).
FIRST, SECOND = "us-east-1b", "us-east-1d"
# Clearly cheaper, so that other considerations do not matter; then so much that moving pays.
CHEAPER, WORTH_A_MOVE = 0.97, 0.83
RECORDED = "data/spot-prices/aws-p3-2019-12-22_2020-02-19.csv"


def recording(root):
    """The file of recorded prices: the shared data beside the checkout when it is there, else the made-up market in examples."""
    shared = pathlib.Path(os.environ.get("SPILLWAY_SHARED", root.parent / "shared")) / RECORDED
    if shared.is_file():
        return shared
    excerpts = sorted((root / "examples/market").glob("*p3*.csv"))
    if not excerpts:
        raise FileNotFoundError(f"there are no recorded prices: neither {shared} nor examples/market/*p3*.csv")
    return excerpts[0]


def is_recorded(path, root):
    """False for the small market in examples, whose prices are made up."""
    return root / "examples" not in path.parents


def moments(path):
    """(start, jump): FIRST is the cheaper zone at the start; at the jump SECOND is, by as much as it ever was.

    Raises LookupError when the recording has no such pair.
    """
    changes = {FIRST: [], SECOND: []}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["instance_type"] == INSTANCE_TYPE and row["az"] in changes:
                instant = datetime.datetime.fromisoformat(row["timestamp_utc"].replace("Z", "+00:00"))
                changes[row["az"]].append((instant, float(row["usd_per_hour"])))
    start, best = None, (WORTH_A_MOVE, None)
    for instant, first, second in _pairs(changes):
        if start is None and first <= CHEAPER * second:
            start = instant
        elif start is not None and second / first < best[0]:
            best = (second / first, instant)
    if best[1] is None:
        raise LookupError(f"{path} has no price move between {FIRST} and {SECOND} that would pay for a restart")
    return start, best[1]


def _pairs(changes):
    """(instant, price in FIRST, price in SECOND) after each change, once both are known."""
    current = {}
    for instant, zone, price in sorted((t, zone, price) for zone in changes for t, price in changes[zone]):
        current[zone] = price
        if len(current) == 2:
            yield instant, current[FIRST], current[SECOND]


def text(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
