"""`kubectl spillway simulate`, asked from a program."""

import hashlib
import json
import pathlib
import subprocess
import sys
import time
from datetime import datetime, timedelta

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def built_program(given):
    """The program that was named, or a release build."""
    if given is not None:
        return given
    subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True)
    subprocess.run(["cmake", "--build", "build/release", "-j2", "--target", "kubectl-spillway"], cwd=ROOT, check=True)
    return ROOT / "build/release/cli/kubectl-spillway"


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def go_duration(seconds):
    seconds = round(seconds)
    return f"{seconds // 3600}h{seconds % 3600 // 60}m{seconds % 60}s"


class Simulator:
    def __init__(self, program, data, reports=None):
        """With a folder for reports, one that is there already is not made again: what was broken off goes on."""
        self.program = program
        self.reports = reports
        self.data = data  # recorded prices and availability
        self.runs = 0
        self.violations = 0

    def run(self, objects, market, start, hours, seed):
        """The report of `hours` from `start` on, as a document."""
        manifests = market.parent / f"{market.name}.json"
        manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        known = self._known(manifests.read_text(), market.name, start, hours, seed)
        if known and known.exists():
            return self._count(json.loads(known.read_text()))
        end = instant(start) + timedelta(seconds=int(hours * 3600))
        command = [str(self.program), "simulate", "-f", str(manifests), "--market", str(market), "--from", start, "--to",
                   end.strftime("%Y-%m-%dT%H:%M:%SZ"), "--seed", str(seed), "-o", "json"]
        began = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # A rule of Spillway's own that was broken is counted, and told in the page.
        if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        print(f"{market.name}, seed {seed}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        if known:
            known.write_text(done.stdout)
        return self._count(json.loads(done.stdout))

    def _known(self, *what):
        if self.reports is None:
            return None
        self.reports.mkdir(parents=True, exist_ok=True)
        return self.reports / (hashlib.sha256(repr(what).encode()).hexdigest()[:24] + ".json")

    def _count(self, report):
        self.runs += 1
        for violation in report["violations"]:
            self.violations += 1
            print(f"broken invariant: {violation}", file=sys.stderr)
        return report
