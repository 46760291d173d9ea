"""The load that the tests of services are under: what it shows is to be the services' doing."""

import http.server
import threading

import pytest

from cluster import wait_until
from support.load import PORTS, Load

WAIT = 60  # seconds: far above what is needed


@pytest.fixture
def server():
    """(its address, the ports that it was asked from, in order)."""
    ports = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            ports.append(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"me")

        def log_message(self, *_):
            """Says nothing."""

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield listening.server_address, ports
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_no_two_requests_come_from_the_same_port(server):
    address, ports = server
    load = Load(*address, per_second=200)
    wait_until(lambda: len(load.requests()) >= 200, WAIT, "some requests")
    requests = load.stop()
    assert {(request.server, request.problem) for request in requests} == {("me", "")}
    assert len(set(ports)) == len(ports) == len(requests)
    assert set(ports) <= set(PORTS)


def test_what_nobody_answers_is_a_problem():
    load = Load("127.0.0.1", 1, per_second=200)
    wait_until(lambda: len(load.requests()) >= 20, WAIT, "some requests")
    assert all("refused" in request.problem for request in load.stop())
