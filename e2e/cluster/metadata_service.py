"""The instance metadata service of a real node, as far as it speaks of interruptions: that of AWS,
IMDSv2 alone.

usage: metadata_service.py STATE.json, on the node, where it has the address that clouds give it.
The file holds what the cloud says now: {} or {"spot/instance-action": {...}}; machine.py writes it.
A line is printed for each question that was asked with a token.
"""

import http.server
import json
import pathlib
import secrets
import sys

ADDRESS = "169.254.169.254"
TOKEN_PATH = "/latest/api/token"
DATA_PATH = "/latest/meta-data/"
TOKEN = secrets.token_hex(16)


class Handler(http.server.BaseHTTPRequestHandler):
    state = None  # the path of the file

    def do_PUT(self):
        lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
        known = self.path == TOKEN_PATH and lifetime is not None
        self._answer(200 if known else 400, TOKEN if known else "")

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            return self._answer(401, "")  # as with IMDSv1 switched off
        print(self.path, flush=True)
        said = json.loads(self.state.read_text()).get(self.path.removeprefix(DATA_PATH))
        return self._answer(404, "") if said is None else self._answer(200, json.dumps(said))

    def _answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass  # see above


if __name__ == "__main__":
    Handler.state = pathlib.Path(sys.argv[1])
    http.server.ThreadingHTTPServer((ADDRESS, 80), Handler).serve_forever()
