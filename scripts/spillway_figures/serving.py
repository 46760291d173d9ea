"""Published ways of serving on spot, replayed on recorded availability and prices, a minute at a time.

All see the same market under the same rules as the simulator: a zone has any number of nodes or none; a launch into a zone without is
refused at once; a node is there `provisioning` after its launch and costs from then on; its replica is ready `start` later; when a zone
has none any more its nodes go."""

import bisect
import csv

MINUTE = 60
# What everybody takes to notice and to act, beside the time of a replacement: as in the simulator.
REACTION = 60


class Terms:
    """What serving needs: so many ready replicas, one on a node."""

    def __init__(self, replicas, provisioning, start):
        self.replicas = replicas
        self.provisioning = provisioning
        self.start = start


class Prices:
    """Dollars an hour of a zone's spot node, by second from the start."""

    def __init__(self, market, data, start, history):
        self.fixed = {zone.name: zone.spot for zone in market.zones}
        self.changes = {zone.name: ([], []) for zone in market.zones}
        if market.zones[0].spot is not None:
            return
        with open(data / history, newline="") as file:
            for row in csv.DictReader(file):
                if row["instance_type"] == market.instance_type and row["az"] in self.changes:
                    times, prices = self.changes[row["az"]]
                    times.append((instant_of(row["timestamp_utc"]) - instant_of(start)).total_seconds())
                    prices.append(float(row["usd_per_hour"]))
        for zone, (times, prices) in self.changes.items():
            order = sorted(range(len(times)), key=times.__getitem__)
            self.changes[zone] = ([times[i] for i in order], [prices[i] for i in order])

    def at(self, zone, second):
        if self.fixed[zone] is not None:
            return self.fixed[zone]
        times, prices = self.changes[zone]
        return prices[max(bisect.bisect_right(times, second) - 1, 0)]


def instant_of(text):
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Replica:
    def __init__(self, zone, launched, terms):
        self.zone = zone  # None: on demand
        self.costs_from = launched + terms.provisioning
        self.ready_at = self.costs_from + terms.start


class Outcome:
    def __init__(self):
        self.cost = 0.0
        self.missing_hours = 0.0  # replica hours below what was asked for
        self.below_hours = 0.0  # hours in which any was missing
        self.times_below = 0
        self.times_alone = 0  # of these with one zone lost at most
        self.fewest = None  # that were ready; None: never fewer than asked for
        self.lost = 0


class Replay:
    """One policy on one market. A policy has launch(replay, second) and may have lost(zone) and refused(zone) and ready(zone)."""

    def __init__(self, market, prices, terms, begin, hours):
        self.market, self.prices, self.terms = market, prices, terms
        self.begin, self.end = int(begin * 3600), int((begin + hours) * 3600)
        self.replicas = []
        self.lost_until = {}  # by zone: its replacements are not due yet
        self.was_below = False
        self.was_alone = False
        self.outcome = Outcome()

    def there(self, zone, second):
        gap, ticks = self.market.ticks[[one.name for one in self.market.zones].index(zone)]
        return ticks[int(second // gap) % len(ticks)] > 0

    def spot(self):
        return [replica for replica in self.replicas if replica.zone is not None]

    def on_demand(self):
        return [replica for replica in self.replicas if replica.zone is None]

    def ready(self, second):
        return [replica for replica in self.replicas if replica.ready_at <= second]

    def try_spot(self, policy, zone, second):
        if not self.there(zone, second):
            policy.refused(zone)
            return False
        self.replicas.append(Replica(zone, second, self.terms))
        return True

    def buy(self, second):
        self.replicas.append(Replica(None, second, self.terms))

    def lose(self, replica, second):
        self.replicas.remove(replica)
        self.outcome.lost += 1
        if replica.ready_at <= second:
            self.lost_until[replica.zone] = second + self.terms.provisioning + self.terms.start + REACTION

    def note_missing(self, ready, second):
        missing = self.terms.replicas - ready
        outcome = self.outcome
        outcome.missing_hours += missing * MINUTE / 3600
        outcome.below_hours += MINUTE / 3600
        outcome.fewest = ready if outcome.fewest is None else min(outcome.fewest, ready)
        alone = sum(until > second for until in self.lost_until.values()) <= 1
        outcome.times_below += not self.was_below
        outcome.times_alone += alone and not self.was_alone
        self.was_below, self.was_alone = True, self.was_alone or alone

    def run(self, policy):
        served = False  # the first start is nobody's doing: it is not counted
        for second in range(self.begin, self.end, MINUTE):
            for replica in list(self.replicas):
                if replica.zone is not None and not self.there(replica.zone, second):
                    self.lose(replica, second)
                    policy.lost(replica.zone)
                elif replica.zone is not None and second - MINUTE < replica.ready_at <= second:
                    policy.became_ready(replica.zone)
            policy.step(self, second)
            ready = len(self.ready(second))
            served = served or ready >= self.terms.replicas
            if served and ready < self.terms.replicas:
                self.note_missing(ready, second)
            else:
                self.was_below = self.was_alone = False
            for replica in self.replicas:
                if replica.costs_from <= second:
                    price = self.market.on_demand if replica.zone is None else self.prices.at(replica.zone, second)
                    self.outcome.cost += price * MINUTE / 3600
        return self.outcome


class Policy:
    def lost(self, zone):
        pass

    def refused(self, zone):
        pass

    def became_ready(self, zone):
        pass


class AllOnDemand(Policy):
    def step(self, replay, second):
        while len(replay.replicas) < replay.terms.replicas:
            replay.buy(second)


class EvenSpread(Policy):
    """Spot only, in turn over the zones; one that is refused is tried again in the next minute."""

    def __init__(self, market):
        self.zones = [zone.name for zone in market.zones]

    def step(self, replay, second):
        counts = {zone: 0 for zone in self.zones}
        for replica in replay.spot():
            counts[replica.zone] += 1
        refused = set()
        while len(replay.spot()) < replay.terms.replicas and len(refused) < len(self.zones):
            zone = min((one for one in self.zones if one not in refused), key=lambda one: (counts[one], one))
            # Its share of a zone that has none stays open: nobody else takes it.
            share = -(-replay.terms.replicas // len(self.zones))
            if counts[zone] >= share:
                break
            if replay.try_spot(self, zone, second):
                counts[zone] += 1
            else:
                refused.add(zone)


class SpotHedge(Policy):
    """Dynamic placement and fallback as published: zones where spot was lost or refused are left aside until fewer than two are left;
    a spare spot replica; on demand as many as spot replicas are not ready. Prices are those of the first minute, for ever."""

    SPARE = 1

    def __init__(self, market, prices, begin):
        self.zones = [zone.name for zone in market.zones]
        self.price = {zone: prices.at(zone, begin * 3600) for zone in self.zones}
        self.active = set(self.zones)

    def lost(self, zone):
        self.active.discard(zone)
        if len(self.active) < min(2, len(self.zones)):
            self.active = set(self.zones)

    refused = lost

    def became_ready(self, zone):
        self.active.add(zone)

    def step(self, replay, second):
        wanted = replay.terms.replicas + self.SPARE
        tries = 0
        while len(replay.spot()) < wanted and tries < len(self.zones):
            used = {replica.zone for replica in replay.spot()}
            among = (self.active - used) or self.active
            if not replay.try_spot(self, min(among, key=lambda zone: (self.price[zone], zone)), second):
                tries += 1
        ready_spot = sum(replica.zone is not None for replica in replay.ready(second))
        bought = max(wanted - ready_spot, 0)
        while len(replay.on_demand()) < bought:
            replay.buy(second)
        for replica in sorted(replay.on_demand(), key=lambda one: -one.ready_at)[:max(len(replay.on_demand()) - bought, 0)]:
            replay.replicas.remove(replica)
