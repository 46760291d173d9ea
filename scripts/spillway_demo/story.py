"""The story, told on the stage: where things run at first, a price move, a scale-up."""

import time

from cluster import tools

from . import prices
from .picture import Picture, wrap

STEP_TIMEOUT = 45  # seconds
POLL_SECONDS = 0.2

RESERVED, FIRST, SECOND = "reserved-us-east-1c", "spot-us-east-1b", "spot-us-east-1d"
CHAT, EXPERIMENT = "chat/chat", "experiment/reranker"
SEARCH, FINETUNE, REPORT = "search/hyperparameters", "finetune/finetune", "report/quarterly-forecast"


class Story:
    def __init__(self, stage):
        self._stage = stage
        self._began = time.monotonic()
        self._seen = {}

    # Telling

    def say(self, text):
        print(f"\n==> {text}", flush=True)

    def note(self, text):
        print(wrap(text, "    "), flush=True)

    def show(self):
        print("\n" + Picture(self._stage.cluster.api).render(), flush=True)

    def until(self, what, holds, timeout=STEP_TIMEOUT):
        """Prints what changes until `holds(picture)`; raises TimeoutError when it does not come true."""
        deadline = time.monotonic() + timeout
        while True:
            picture = Picture(self._stage.cluster.api)
            self._print_changes(picture)
            if holds(picture):
                return picture
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout} s in vain for {what}\n\n{picture.render()}")
            time.sleep(POLL_SECONDS)

    def _print_changes(self, picture):
        lines = picture.lines()
        for name, line in lines.items():
            if self._seen.get(name) != line:
                print(f"  {time.monotonic() - self._began:5.1f} s  {name:<26} {line}"[:100], flush=True)
        self._seen = lines

    # The acts

    def tell(self):
        recording = prices.recording(self._stage.root)
        start, jump = prices.moments(recording)
        self.set_up(recording, start)
        self.first_placements()
        self.price_move(jump)
        self.scale_up()
        self.end()

    def set_up(self, recording, start):
        self.say("A Kubernetes control plane with GPU nodes of three tiers")
        names = self._stage.start_cluster()
        self.note(
            f"etcd, kube-apiserver, kube-controller-manager and kube-scheduler {self._stage.cluster.version}; "
            f"{len(names)} nodes with V100s in five zones, whose kubelets kwok plays."
        )
        origin = "recorded AWS" if prices.is_recorded(recording, self._stage.root) else "made-up"
        self.say(f"A market: {origin} spot prices, over the EC2 query API")
        self._stage.start_market(recording, start)
        self.note(f"{recording}, from {prices.text(start)} on.")
        self.say("The operator, with the chart's configuration and the rights of its ServiceAccount")
        service_account, flags = self._stage.install()
        self._stage.start_operator(service_account, flags)
        self.note(f"system:serviceaccount:spillway-system:{service_account}; flags: {' '.join(flags)}")

    def first_placements(self):
        self.say("kubectl apply -R -f examples, but for the one that needs a store: five pools, five workloads")
        folders = sorted(folder for folder in (self._stage.root / "examples").iterdir() if folder.is_dir())
        files = [f"--filename={folder}" for folder in folders if folder.name not in ("market", "sweep")]
        self._stage.kubectl("apply", "--recursive", *files)
        picture = self.until(
            "all workloads to run",
            lambda p: p.ready(CHAT) == {RESERVED: 2}
            and p.ready(EXPERIMENT)
            and p.runs_in(SEARCH) == FIRST
            and p.runs_in(FINETUNE) == RESERVED
            and p.runs_in(REPORT),
        )
        self.show()
        self.note("")
        self.note(
            "Chat must not stand on spot, so the reserved baseline is worth most to it. Training soaks up what is left of the "
            "baseline. The rest is on the spot zone with the lowest price:"
        )
        self.note(f"{SEARCH}: {picture.reason(SEARCH)}")

    def price_move(self, jump):
        before = Picture(self._stage.cluster.api).price(FIRST)
        self.say(f"A price move: the market's clock jumps to {prices.text(jump)}")
        self._stage.jump_to(jump)
        picture = self.until(f"{SEARCH} to run in {SECOND}", lambda p: p.runs_in(SEARCH) == SECOND)
        self.note(
            f"{FIRST} went from ${before} to ${picture.price(FIRST)}, {SECOND} costs ${picture.price(SECOND)}. Over the time that "
            "is left the saving exceeds the restart by more than the margin:"
        )
        self.note(f"{SEARCH}: {picture.reason(SEARCH)}")

    def scale_up(self):
        self.say("kubectl scale inferencepool.spillway.dev/chat --replicas=6: the baseline is wanted back")
        self._stage.kubectl("scale", "inferencepool.spillway.dev/chat", "--namespace=chat", "--replicas=6")
        picture = self.until(
            f"six replicas of {CHAT} in {RESERVED} and {FINETUNE} to run elsewhere",
            lambda p: p.ready(CHAT) == {RESERVED: 6} and p.runs_in(FINETUNE) not in (None, RESERVED),
        )
        self.note(
            "Six replicas of chat would cost most elsewhere, so the gang of four gave its slots back and started again, as a "
            "whole, where it is cheapest now:"
        )
        self.note(f"{FINETUNE}: {picture.reason(FINETUNE)}")

    def end(self):
        self.say(f"kubectl get spillway -A, {time.monotonic() - self._began:.0f} s after the start")
        print(self._stage.kubectl("get", "spillway", "--all-namespaces"))
        self.show()
        folder = tools.paths()["kubectl"].parent
        print(
            f"\nIt runs on. To go on by hand:\n\n  export KUBECONFIG={self._stage.cluster.kubeconfig}\n"
            f'  export PATH="{folder}:$PATH"\n'
            "  kubectl get trainingjobs -A -o wide\n"
            "  kubectl -n search describe trainingjob hyperparameters\n"
            "  kubectl -n chat scale inferencepool.spillway.dev/chat --replicas=1\n\n"
            f"The operator's log is {self._stage.operator.log}. To stop it all: make demo-stop"
        )
