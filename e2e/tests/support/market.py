"""A market of a test's own: a recording of prices, replayed over the EC2 interface."""

import datetime
import urllib.request

INSTANCE_TYPE = "p3.2xlarge"
START = datetime.datetime(2020, 1, 15, tzinfo=datetime.timezone.utc)


def instant(minutes):
    """Minutes after the start of the recording, as text."""
    return (START + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def write_recording(path, prices, instance_type=INSTANCE_TYPE):
    """`prices`: zone -> [(minutes after the start, dollars per hour as text), ...]."""
    lines = ["instance_type,az,timestamp_utc,usd_per_hour"]
    for zone, changes in sorted(prices.items()):
        lines += [f"{instance_type},{zone},{instant(at)},{price}" for at, price in changes]
    path.write_text("\n".join(lines) + "\n")
    return path


class Market:
    """A market server with a recording, and the feeds that an operator needs to read it."""

    def __init__(self, start_server, directory, prices, poll="1s", fresh_for="60s"):
        self._directory = directory
        self._recording = write_recording(directory / "prices.csv", prices)
        self._regions = sorted({zone[:-1] for zone in prices})
        self._poll = poll
        self._fresh_for = fresh_for
        self._server = start_server(self._recording, instant(1))

    @property
    def endpoint(self):
        return self._server.endpoint

    def feeds(self):
        """For the operator's configuration; a pool names them aws-<region>."""
        return [
            {
                "name": f"aws-{region}",
                "awsSpot": {
                    "region": region,
                    "endpoint": self.endpoint,
                    "credentials": "environment",
                },
                "pollInterval": self._poll,
                "freshFor": self._fresh_for,
            }
            for region in self._regions
        ]

    def jump(self, minutes):
        """Sets the market's clock: from now on the prices of that minute of the recording hold."""
        url = f"{self.endpoint}/admin/time?at={instant(minutes)}"
        with urllib.request.urlopen(urllib.request.Request(url, data=b""), timeout=5) as answer:
            assert answer.status == 200, f"{url} answered {answer.status}"

    def go_down(self):
        self._server.stop()

    def come_back(self, minutes=1):
        self._server.start(self._recording, instant(minutes))
