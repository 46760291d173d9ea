"""What an interruption took, from the cloud's word to the first step elsewhere: from the program's
own journal and from a watch on the API server, all on the clock of this machine.
"""

import dataclasses
import datetime

from .real_world import CONTAINER
from .trainer import at

RANKS = (0, 1)
COLUMNS = (
    ("notice", lambda i: f"{i.notice_seconds} s" if i.notice_seconds else "none"),
    ("program asked", lambda i: i.after(i.asked_at)),
    ("verified", lambda i: i.after(i.verified_at)),
    ("pods ended", lambda i: i.after(i.ended_at)),
    ("new pods running", lambda i: i.after(i.running_at)),
    ("first new step", lambda i: i.after(i.stepped_at)),
    ("interrupted after step", lambda i: str(i.last_step)),
    ("resumed from step", lambda i: str(i.resumed_step)),
    ("steps redone", lambda i: str(i.last_step - i.resumed_step)),
)


@dataclasses.dataclass(frozen=True)
class Interruption:
    """Times are None for what did not happen; without a notice nobody is asked."""

    notice_seconds: int
    told_at: datetime.datetime
    asked_at: datetime.datetime | None  # by the last rank
    verified_at: datetime.datetime | None
    ended_at: datetime.datetime
    running_at: datetime.datetime
    stepped_at: datetime.datetime
    last_step: int
    resumed_step: int

    def after(self, moment):
        return f"{(moment - self.told_at).total_seconds():.1f} s" if moment else "-"


def measure(job, history, attempt, notice_seconds, told_at):
    """The interruption that ended `attempt`; the next one has done a step."""
    old = [job.journal(attempt, rank) for rank in RANKS]
    new = [job.journal(attempt + 1, rank) for rank in RANKS]
    asked = [
        [at(line) for line in journal.of("save_requested") if at(line) >= told_at]
        for journal in old
    ]
    return Interruption(
        notice_seconds=notice_seconds,
        told_at=told_at,
        asked_at=max(times[0] for times in asked) if all(asked) else None,
        verified_at=_verified_at(job, history, attempt, told_at),
        ended_at=max(_ended_at(history, pod) for pod in job.pods(attempt).values()),
        running_at=max(_running_at(history, pod) for pod in job.pods(attempt + 1).values()),
        stepped_at=at(new[0].first("step")),
        last_step=max(journal.step for journal in old),
        resumed_step=new[0].started_at_step,
    )


def table(interruptions):
    """As Markdown."""
    rows = [[name for name, _ in COLUMNS], ["---"] * len(COLUMNS)]
    rows += [[show(interruption) for _, show in COLUMNS] for interruption in interruptions]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _verified_at(job, history, attempt, told_at):
    for change in history.changes("TrainingJob"):
        save = change.object.get("status", {}).get("save", {})
        ours = change.name == job.training.name and save.get("attempt") == attempt
        if ours and save["state"] == "Verified" and change.at >= told_at:
            return change.at
    return None


def _ended_at(history, pod):
    for change in history.changes("Pod"):
        if change.object["metadata"]["uid"] == pod["metadata"]["uid"] and change.ended:
            return change.at
    raise AssertionError(f"the pod {pod['metadata']['name']} has not ended")


def _running_at(history, pod):
    for change in history.changes("Pod"):
        if change.object["metadata"]["uid"] != pod["metadata"]["uid"]:
            continue
        for status in change.object["status"].get("containerStatuses", []):
            if status["name"] == CONTAINER and "running" in status["state"]:
                return change.at
    raise AssertionError(f"the pod {pod['metadata']['name']} was never seen running")
