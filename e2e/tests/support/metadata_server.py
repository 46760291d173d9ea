"""The part of AWS's instance metadata service that speaks of interruptions: IMDSv2 alone."""

import http.server
import json
import secrets
import threading

TOKEN_PATH = "/latest/api/token"
ACTION_PATH = "/latest/meta-data/spot/instance-action"


class MetadataServer:
    """Listens on `address` while it is entered; what it knows is set by the test."""

    def __init__(self, address):
        self._action = None
        self._token = secrets.token_hex(16)
        self.asked = 0  # how often somebody with a token asked for the action
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
                known = self.path == TOKEN_PATH and lifetime is not None
                self._answer(200 if known else 400, service._token if known else "")

            def do_GET(self):
                if self.headers.get("X-aws-ec2-metadata-token") != service._token:
                    return self._answer(401, "")  # as with IMDSv1 switched off
                if self.path == ACTION_PATH:
                    service.asked += 1
                    if service._action:
                        return self._answer(200, json.dumps(service._action))
                return self._answer(404, "")

            def _answer(self, status, text):
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass  # a poll every other second is no news

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def interrupt(self, deadline):
        """The instance will be terminated then; returns the time as the service says it."""
        said = deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._action = {"action": "terminate", "time": said}
        return said

    def withdraw(self):
        self._action = None
