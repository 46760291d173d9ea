"""Waiting for a condition, never for a time."""

import time

POLL_SECONDS = 0.05


def wait_until(condition, timeout, what, poll_seconds=POLL_SECONDS):
    """Calls `condition` until it returns something true, and returns that.

    After `timeout` seconds it raises TimeoutError, naming `what` was awaited and what `condition`
    said last: its last false value or the exception it raised. Exceptions other than
    AssertionError, LookupError and OSError (an object that is not there yet, a server that does not
    listen yet) are passed on at once.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            last = condition()
            if last:
                return last
        except (AssertionError, LookupError, OSError) as error:
            last = error
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {timeout} s in vain for {what}; last seen: {last!r}")
        time.sleep(poll_seconds)  # the only one: the pause between two looks
