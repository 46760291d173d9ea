"""The measurement of bench/storage-throughput."""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

import agents
import certificates
from conftest import BUCKET, Store, Versitygw

MIB = 1 << 20


def timed(action):
    """(seconds, processor seconds of the client); an action may know its seconds better."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    told = action()
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return told or seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def curl(transfers, upload, authority):
    """All at once, eight at a time; `transfers` are (url, path)."""
    lines = []
    for url, path in transfers:
        lines += [f'url = "{url}"', f'{"upload-file" if upload else "output"} = "{path}"']
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", "8",
         "--cacert", str(authority), "--config", "-"],
        input="\n".join(lines), text=True, capture_output=True, check=False,
    )
    assert done.returncode == 0, done.stderr


class Measurement:
    def __init__(self, store, root, names, source):
        self.store, self.root, self.names, self.source = store, root, names, source
        self.authority = root / "ca.pem"

    def sign(self, operation, key):
        return self.store.client.generate_presigned_url(operation, Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=3600)

    def plain_up(self):
        curl([(self.sign("put_object", f"plain/{name}"), self.source / name) for name in self.names], upload=True, authority=self.authority)

    def plain_down(self):
        target = self.root / "plain"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        curl([(self.sign("get_object", f"plain/{name}"), target / name) for name in self.names], upload=False, authority=self.authority)

    def parts_up(self):
        """As plain, but in parts of our size, as the common tools do."""
        client, uploads, transfers = self.store.client, [], []
        for name in self.names:
            key = f"parts/{name}"
            upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
            pieces = sorted(self.pieces.glob(f"{name}.*"))
            uploads.append((key, upload, len(pieces)))
            for number, piece in enumerate(pieces, 1):
                parameters = {"Bucket": BUCKET, "Key": key, "UploadId": upload, "PartNumber": number}
                transfers.append((client.generate_presigned_url("upload_part", Params=parameters), piece))
        curl(transfers, upload=True, authority=self.authority)
        for key, upload, count in uploads:
            listed = client.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)["Parts"]
            assert len(listed) == count
            parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in listed]
            client.complete_multipart_upload(
                Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    def our_up(self):
        """The agent, from the finished files to the manifest in the store."""
        self.step += 1
        directory = self.root / "in"
        (directory / f"step-{self.step - 1}").rename(directory / f"step-{self.step}")
        agent = agents.Sync(self.store.url, directory, SPILLWAY_STORE_CA=self.authority)
        agents.wait_until(lambda: agent.saved_step() == self.step, "upload")
        seconds = agent.status()["saved"]["uploadSeconds"]
        agent.kill()
        return seconds

    def our_down(self):
        target = self.root / "out"
        shutil.rmtree(target, ignore_errors=True)
        done = agents.restore(self.store.url, target, self.step, SPILLWAY_STORE_CA=self.authority)
        assert done.returncode == 0, done.stderr

    def cut(self):
        """The pieces of parts_up, made beforehand."""
        self.pieces = self.root / "pieces"
        self.pieces.mkdir()
        for name in self.names:
            content = (self.source / name).read_bytes()
            for number in range(0, len(content), 8 * MIB):
                (self.pieces / f"{name}.{number // (8 * MIB):05}").write_bytes(content[number:number + 8 * MIB])

    def commit(self):
        """The first checkpoint: `restore` takes it."""
        self.step = 0
        shutil.copytree(self.source, self.root / "in" / "step-0")
        (self.root / "in" / "step-0" / "_SUCCESS").write_bytes(b"")
        self.our_up()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--mebibytes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="storage-throughput-"))
    server = Versitygw(root, *certificates.write_certificates(root))
    try:
        (root / "data" / BUCKET).mkdir()
        source = root / "source"
        source.mkdir()
        names = [f"shard-{i}.bin" for i in range(options.files)]
        for name in names:
            (source / name).write_bytes(os.urandom(options.mebibytes * MIB))
        measurement = Measurement(Store(server.url.replace("http:", "https:"), verify=str(root / "ca.pem")), root, names, source)
        measurement.cut()
        measurement.commit()
        measurement.plain_up()
        times = {"plain_up": [], "parts_up": [], "our_up": [], "plain_down": [], "our_down": []}
        for _ in range(options.rounds):  # in turn: whatever else the machine does, it does to all
            for name, measured in times.items():
                measured.append(timed(getattr(measurement, name)))
        total = options.files * options.mebibytes
        rate = {name: total / statistics.median(seconds for seconds, _ in measured) for name, measured in times.items()}
        cost = {name: 1024 / total * statistics.median(used for _, used in measured) for name, measured in times.items()}
        print(f"{options.files} files of {options.mebibytes} MiB, median of {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")
        for name, our, plain in (
            ("upload, beside whole files", "our_up", "plain_up"), ("upload, beside parts", "our_up", "parts_up"),
            ("restore, beside whole files", "our_down", "plain_down"),
        ):
            print(
                f"{name:28} {rate[our]:5.0f} MiB/s and {rate[plain]:5.0f} MiB/s: {100 * rate[our] / rate[plain]:4.0f} %; "
                f"processor seconds a GiB: {cost[our]:.2f} and {cost[plain]:.2f}"
            )
    finally:
        server.stop()
        shutil.rmtree(root)


main()
