"""Recorded markets as `kubectl spillway simulate` reads them: prices and availability joined zone by zone.

No public record has both at the same instant. Availability of 2022 and 2023 is laid on prices of winter 2019/20 (first tick on the first
day that every zone has a price), or on the prices of one instant of 2025, which have no history. The zones of 2025 are named by account-
independent ids, those of the traces by letters, which differ from account to account: they are joined by region (its middle price)."""

import csv
import json
import os
import pathlib
import statistics

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
START = "2019-12-24T00:00:00Z"
HISTORY = "spot-prices/aws-p3-2019-12-22_2020-02-19.csv"
SNAPSHOT = "spot-prices/aws_gpu_v7_001367d2.csv"
FOLDERS = {"2022-10": "1-node-2022-10", "2023-02": "1-node-2023-02"}
ON_DEMAND_2019 = {"p3.2xlarge": 3.06, "p3.16xlarge": 24.48}
FEED = "recorded"


def data_folder(command):
    shared = pathlib.Path(os.environ.get("SPILLWAY_SHARED", ROOT.parent / "shared"))
    if not (shared / "data/spot-availability").is_dir():
        raise SystemExit(f"{command}: no recorded data in '{shared}': set SPILLWAY_SHARED to the folder that holds data/")
    return shared / "data"


class Zone:
    def __init__(self, name, trace, spot=None):
        self.name = name
        self.trace = trace  # the file
        self.spot = spot  # dollars; None: from the history


class Market:
    """Zones whose spot nodes one workload may use, and the price of the same node on demand."""

    def __init__(self, title, group, instance_type, accelerators, on_demand, zones):
        self.title = title
        self.group = group  # markets that are averaged in one row
        self.instance_type = instance_type
        self.accelerators = accelerators
        self.on_demand = on_demand
        self.zones = zones
        self.ticks = [read_trace(zone.trace) for zone in zones]

    @property
    def hours(self):
        return min(len(ticks) * gap / 3600 for gap, ticks in self.ticks)

    def availability(self):
        """Share of the time that some zone has capacity."""
        gap = min(gap for gap, _ in self.ticks)
        steps = int(self.hours * 3600 // gap)
        return sum(any(ticks[int(step * gap // own)] > 0 for own, ticks in self.ticks) for step in range(steps)) / steps

    def write(self, folder, data, begin_hours=0):
        """The market folder. Traces are laid at the start of a run: they are cut to begin there."""
        folder.mkdir(parents=True)
        for zone, (gap, ticks) in zip(self.zones, self.ticks):
            first = int(begin_hours * 3600 // gap)
            (folder / f"{zone.name}_v100_{self.accelerators}.json").write_text(
                json.dumps({"metadata": {"gap_seconds": gap}, "data": ticks[first:]}))
        with open(folder / "on-demand.csv", "w") as file:
            print("InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region,AvailabilityZone", file=file)
            for region in sorted({zone.name[:-1] for zone in self.zones}):
                print(f"{self.instance_type},V100,{self.accelerators},{self.on_demand},,{region},", file=file)
        if self.zones[0].spot is None:
            names = {zone.name for zone in self.zones}
            with open(data / HISTORY, newline="") as file, open(folder / "spot-prices.csv", "w") as out:
                print("instance_type,az,timestamp_utc,usd_per_hour", file=out)
                for row in csv.DictReader(file):
                    if row["instance_type"] == self.instance_type and row["az"] in names:
                        print(",".join(row.values()), file=out)

    def pools(self, nodes, notice, provisioning):
        """CapacityPools as they would be applied."""
        annotations = {"simulate.spillway.dev/provisioning": provisioning}
        spot = [self._pool(f"spot-{zone.name}", "Spot", zone.name, nodes,
                           {"feed": FEED} if zone.spot is None else {"fixed": f"{zone.spot:.4f}", "onDemand": str(self.on_demand)},
                           annotations | {"simulate.spillway.dev/notice": notice}) for zone in self.zones]
        home = self.zones[0].name
        return [*spot, self._pool("on-demand", "OnDemand", home, nodes, {"fixed": str(self.on_demand)}, annotations)]

    def _pool(self, name, tier, zone, nodes, price, annotations):
        return {"apiVersion": "spillway.dev/v1alpha1", "kind": "CapacityPool", "metadata": {"name": name, "annotations": annotations},
                "spec": {"tier": tier, "accelerator": {"model": "V100", "perNode": self.accelerators}, "instanceType": self.instance_type,
                         "location": {"provider": "aws", "region": zone[:-1], "zone": zone},
                         "nodes": {"selector": {"pool": name}, "max": nodes}, "price": price}}


def read_trace(path):
    document = json.loads(pathlib.Path(path).read_text())
    return document["metadata"]["gap_seconds"], document["data"]


def _trace(data, name, zone, accelerators=1):
    return data / "spot-availability" / FOLDERS[name] / f"{zone}_v100_{accelerators}.json"


def history_markets(data):
    """Every V100 trace whose zone has prices in 2019/20: alone, and with the others of its kind."""
    sets = (("2023-02", "p3.2xlarge", 1, ("us-east-1c", "us-east-2a", "us-west-2a", "us-west-2c")),
            ("2022-10", "p3.2xlarge", 1, ("us-west-2a", "us-west-2b")),
            ("2022-10", "p3.16xlarge", 8, ("us-west-2a", "us-west-2b")))
    markets = []
    for name, kind, accelerators, zones in sets:
        def market(title, group, chosen):
            return Market(title, group, kind, accelerators, ON_DEMAND_2019[kind],
                          [Zone(zone, _trace(data, name, zone, accelerators)) for zone in chosen])
        group = f"{name}, {kind}"
        markets += [market(f"{group}, {zone}", f"{group}, one zone", [zone]) for zone in zones]
        markets.append(market(f"{group}, {len(zones)} zones", f"{group}, {len(zones)} zones", zones))
    return markets


def snapshot_markets(data):
    """The traces of 2023-02 at the prices of 2025. The H100 was not there to be had when the traces were made."""
    prices = {}
    with open(data / SNAPSHOT, newline="") as file:
        for row in csv.DictReader(file):
            if row["SpotPrice"]:
                prices.setdefault((row["InstanceType"], row["Region"]), []).append((float(row["SpotPrice"]), float(row["Price"])))
    markets = []
    for kind, accelerators, zones in (("p3.2xlarge", 1, ("us-east-2a", "us-west-2a", "us-west-2c")),
                                      ("p5.48xlarge", 8, ("us-east-1a", "us-east-1c", "us-east-2a", "us-west-2a", "us-west-2c"))):
        known = [(zone, prices[kind, zone[:-1]]) for zone in zones]
        title = f"2023-02, {kind} of 2025, {len(zones)} zones"
        markets.append(Market(title, title, kind, accelerators, known[0][1][0][1],
                              [Zone(zone, _trace(data, "2023-02", zone), statistics.median(spot for spot, _ in here))
                               for zone, here in known]))
    cheapest = Market("", "", "p3.2xlarge", 1, prices["p3.2xlarge", "us-east-2"][0][1],
                      [Zone("us-east-2a", _trace(data, "2023-02", "us-east-2a"),
                            statistics.median(spot for spot, _ in prices["p3.2xlarge", "us-east-2"]))])
    cheapest.title = cheapest.group = "2023-02, p3.2xlarge of 2025, us-east-2a alone"
    return [*markets, cheapest]
