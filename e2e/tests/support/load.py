"""Requests at a steady pace from many threads, and what became of each."""

import dataclasses
import errno
import http.client
import threading
import time

# Below those that the kernel chooses from. It begins at another one every ten seconds, and so comes
# back to some within the two minutes for which a node remembers a connection that nobody answered:
# who asks from the same port is sent to the same replica again, whatever has become of it.
PORTS = range(10000, 20000)


@dataclasses.dataclass(frozen=True)
class Request:
    began: float  # seconds of the monotonic clock
    seconds: float
    server: str  # who answered, "" when nobody did
    problem: str  # "" for an answer of status 200


class Load:
    """`per_second` requests for `path`, each on a connection of its own and from a port that none
    before had, until `stop`.

    Every thread has its turn at fixed times, so that a server that hangs makes requests late and
    does not make them fewer unseen: a turn that was missed is taken at once.
    """

    def __init__(self, address, port, path="/", per_second=20, threads=20, timeout=10):
        self._address = (address, port)
        self._path = path
        self._timeout = timeout
        self._pause = threads / per_second
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._ports = iter(PORTS)
        self._requests = []
        self._threads = [
            threading.Thread(target=self._ask, args=(i / per_second,), daemon=True)
            for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, offset):
        turn = time.monotonic() + offset
        while not self._end.wait(max(0.0, turn - time.monotonic())):
            made = self._request()
            with self._lock:
                self._requests.append(made)
            turn += self._pause

    def _request(self):
        began = time.monotonic()
        server, problem = "", ""
        connection = http.client.HTTPConnection(*self._address, timeout=self._timeout)
        try:
            self._connect(connection)
            connection.request("GET", self._path)
            response = connection.getresponse()
            server = response.read().decode()
            problem = "" if response.status == 200 else f"status {response.status}"
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        return Request(began, time.monotonic() - began, server, problem)

    def _connect(self, connection):
        while True:
            with self._lock:
                port = next(self._ports, None)
            if port is None:
                raise OSError(f"all {len(PORTS)} ports were used: stop the load earlier")
            connection.source_address = ("", port)
            try:
                return connection.connect()
            except OSError as error:
                if error.errno != errno.EADDRINUSE:  # by somebody else
                    raise

    def requests(self, since=0.0):
        """Those that have ended and began at or after that time, in the order of their beginning."""
        with self._lock:
            found = [request for request in self._requests if request.began >= since]
        return sorted(found, key=lambda request: request.began)

    def stop(self):
        """All requests, when the last has ended."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        return self.requests()
