"""When everything that something caused has been written: a pool's counts follow within a second."""

import time

from cluster import wait_until


def settled(operator, seconds=3, timeout=60):
    """Waits for a time without writes."""
    state = {"mark": operator.mark(), "since": time.monotonic()}

    def silent():
        if operator.writes(state["mark"]):
            state.update(mark=operator.mark(), since=time.monotonic())
        return time.monotonic() - state["since"] >= seconds

    wait_until(silent, timeout, f"{seconds} s without a write")
