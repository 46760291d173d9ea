"""The agents of all pods, as far as requests to save go: one server on the agent's port of every
pod's address. It takes each request at once and says from then on that the program is saving.

    GET /measured -> [[address, id, when], ...], the first time of each, CLOCK_MONOTONIC
"""

import asyncio
import http
import json
import time

PORT = 8467


class Agents:
    def __init__(self):
        self._taken = {}  # (address, id) -> when it was taken
        self._newest = {}  # address -> the request

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = self._answer(
                    writer.get_extra_info("sockname")[0], head[0], headers, body
                )
                self._write(writer, status, answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side is done
        finally:
            writer.close()

    def _answer(self, address, line, headers, body):
        now = time.monotonic()
        if line.startswith("GET /measured "):
            return 200, [[*key, when] for key, when in self._taken.items()]
        if len(headers.get("authorization", "").partition("bearer ")[2]) < 16:
            return 401, {"message": "no token"}
        if line.startswith("POST /v1/save "):
            request = json.loads(body)
            self._taken.setdefault((address, request["id"]), now)
            self._newest[address] = request
            return 202, self._status(address)
        if line.startswith("GET /v1/status "):
            return 200, self._status(address)
        return 404, {"message": "no such path"}

    def _status(self, address):
        request = self._newest.get(address)
        if request is None:
            return {"attempt": 1, "rank": 0}
        return {
            "attempt": request["attempt"],
            "rank": 0,
            "request": {"id": request["id"], "state": "Saving"},
        }

    @staticmethod
    def _write(writer, status, answer):
        body = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


async def main():
    server = await asyncio.start_server(Agents().serve, "0.0.0.0", PORT, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
