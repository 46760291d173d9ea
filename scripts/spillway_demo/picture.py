"""A picture of the cluster as Spillway's own status shows it, 100 columns wide."""

import textwrap

WIDTH = 100
GROUP = "/apis/spillway.dev/v1alpha1"


class Picture:
    """Everything at one instant."""

    def __init__(self, api):
        self.pools = _by_name(api.get(f"{GROUP}/capacitypools"))
        self.jobs = _by_name(api.get(f"{GROUP}/trainingjobs"))
        self.inference = _by_name(api.get(f"{GROUP}/inferencepools"))

    # What the story asks for

    def price(self, pool):
        """Dollars per node-hour as text, or None."""
        return _dig(self.pools, pool, "status", "price", "perNodeHour")

    def quality(self, pool):
        return _dig(self.pools, pool, "status", "price", "quality")

    def runs_in(self, job):
        """The pool in which all ranks of a TrainingJob run, or None."""
        if _dig(self.jobs, job, "status", "phase") != "Running":
            return None
        return _dig(self.jobs, job, "status", "placement", "pool")

    def reason(self, job):
        return _dig(self.jobs, job, "status", "placement", "reason") or ""

    def ready(self, inference):
        """Pool -> ready replicas, where all that are wanted are ready; else None."""
        status = _dig(self.inference, inference, "status") or {}
        wanted = self.inference[inference]["spec"]["replicas"]
        shares = {share["pool"]: share for share in status.get("tiers", [])}
        if sum(share["desired"] for share in shares.values()) != wanted:
            return None
        if any(share.get("ready", 0) != share["desired"] for share in shares.values()):
            return None
        return {pool: share["desired"] for pool, share in shares.items()}

    # What a person sees

    def lines(self):
        """name -> its state in one line: what is printed when it changes."""
        found = {}
        for name, pool in self.pools.items():
            price = _dig(pool, "status", "price") or {}
            found[name] = f"${price.get('perNodeHour', '?')} per node-hour, {price.get('quality', 'Unknown')}"
        for name in self.jobs:
            found[name] = self._job_line(name)
        for name in self.inference:
            found[name] = self._inference_line(name)
        return found

    def render(self):
        rows = [f"{'POOL':<22}{'TIER':<10}{'ZONE':<12}{'USD/NODE-H':>11}  {'QUALITY':<10}{'NODES':>6}  GPUS IN USE"]
        for name, pool in sorted(self.pools.items(), key=_by_tier):
            rows.append(_pool_row(name, pool))
        rows += ["", f"{'WORKLOAD':<26}{'REPLICAS':<10}{'WHERE':<48}{'USD/H':>8}"]
        for name in sorted(self.inference):
            rows.append(_workload_row(name, self._ready_text(name), self._where(name), self.inference[name]))
        for name in sorted(self.jobs):
            job = self.jobs[name]
            pool = _dig(job, "status", "placement", "pool")
            phase = _dig(job, "status", "phase") or "Pending"
            where = pool if pool and phase == "Running" else " ".join(filter(None, (pool, f"({phase})")))
            rows.append(_workload_row(name, str(job["spec"]["replicas"]), where, job))
        return "\n".join(row.rstrip() for row in rows)

    def _job_line(self, name):
        status = self.jobs[name].get("status", {})
        placement = status.get("placement")
        where = f" in {placement['pool']}, attempt {placement['attempt']}" if placement else ""
        rate = _dig(status, "placement", "rate")
        return status.get("phase", "Pending") + where + (f", ${rate}/h" if rate else "")

    def _inference_line(self, name):
        return f"{self._ready_text(name)} ready: {self._where(name)}"

    def _ready_text(self, name):
        pool = self.inference[name]
        return f"{_dig(pool, 'status', 'readyReplicas') or 0}/{pool['spec']['replicas']}"

    def _where(self, name):
        shares = _dig(self.inference[name], "status", "tiers") or []
        return ", ".join(f"{share['desired']} in {share['pool']}" for share in shares) or "-"


def wrap(sentence, indent="      "):
    return textwrap.fill(sentence, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _by_name(listing):
    """namespace/name, or name, -> object."""
    def name(metadata):
        return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))

    return {name(item["metadata"]): item for item in listing["items"]}


def _dig(value, *keys):
    for key in keys:
        value = value.get(key) if value else None
    return value


def _by_tier(item):
    name, pool = item
    return (["Reserved", "Spot", "OnDemand"].index(pool["spec"]["tier"]), name)


def _pool_row(name, pool):
    spec, status = pool["spec"], pool.get("status", {})
    price = status.get("price", {})
    gpus = status.get("accelerators", {})
    used, capacity = gpus.get("used", 0), gpus.get("capacity", 0)
    bar = "#" * used + "." * (capacity - used)
    nodes = f"{_dig(status, 'nodes', 'ready') or 0}/{spec['nodes']['max']}"
    return (
        f"{name:<22}{spec['tier']:<10}{spec['location']['zone']:<12}{price.get('perNodeHour', '-'):>11}  "
        f"{price.get('quality', '-'):<10}{nodes:>6}  {bar[:16]:<17}{used}/{capacity}"
    )


def _workload_row(name, replicas, where, workload):
    rate = _dig(workload, "status", "cost", "rate") or "-"
    return f"{name:<26}{replicas:<10}{where[:47]:<48}{rate:>8}"
