"""The measurement of bench/storage-throughput."""

import argparse
import multiprocessing
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

import agents
import boto3.s3.transfer
import certificates
from conftest import BUCKET, Store, Versitygw

MIB = 1 << 20
PART, PARALLEL = 8 * MIB, 8  # the agent's own


def timed(action):
    """(seconds, processor seconds of the client); an action may know its seconds better."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    told = action()
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return told or seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def curl(transfers, upload, authority):
    """All in one process; `transfers` are (url, path)."""
    lines = []
    for url, path in transfers:
        lines += [f'url = "{url}"', f'{"upload-file" if upload else "output"} = "{path}"']
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", str(PARALLEL),
         "--cacert", str(authority), "--config", "-"],
        input="\n".join(lines), text=True, capture_output=True, check=False,
    )
    assert done.returncode == 0, done.stderr


def in_a_process(action):
    """So that its processor time is a child's, as that of the other copies is."""
    process = multiprocessing.get_context("fork").Process(target=action)
    process.start()
    process.join()
    assert process.exitcode == 0


class Measurement:
    def __init__(self, store, root, names, source):
        self.store, self.root, self.names, self.source = store, root, names, source
        self.authority = root / "ca.pem"

    def sign(self, operation, key, **more):
        parameters = {"Bucket": BUCKET, "Key": key, **more}
        return self.store.client.generate_presigned_url(operation, Params=parameters, ExpiresIn=3600)

    def empty(self, name):
        target = self.root / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        return target

    def curl_down(self):
        target = self.empty("curl")
        curl([(self.sign("get_object", f"curl/{name}"), target / name) for name in self.names], upload=False, authority=self.authority)

    def curl_up(self):
        """In parts of our size: every tool sends large files so."""
        client, uploads, transfers = self.store.client, [], []
        for name in self.names:
            key = f"curl/{name}"
            upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
            pieces = sorted(self.pieces.glob(f"{name}.*"))
            uploads.append((key, upload, len(pieces)))
            for number, piece in enumerate(pieces, 1):
                transfers.append((self.sign("upload_part", key, UploadId=upload, PartNumber=number), piece))
        curl(transfers, upload=True, authority=self.authority)
        for key, upload, count in uploads:
            listed = client.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)["Parts"]
            assert len(listed) == count
            parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in listed]
            client.complete_multipart_upload(
                Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    def transfers(self):
        """What boto3 and the AWS command line copy with."""
        config = boto3.s3.transfer.TransferConfig(
            multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=PARALLEL, preferred_transfer_client="classic")
        return boto3.s3.transfer.create_transfer_manager(self.store.client, config)

    def boto_up(self):
        with self.transfers() as manager:
            sent = [manager.upload(str(self.source / name), BUCKET, f"boto/{name}") for name in self.names]
            for future in sent:
                future.result()

    def boto_down(self):
        target = self.empty("boto")
        with self.transfers() as manager:
            received = [manager.download(BUCKET, f"boto/{name}", str(target / name)) for name in self.names]
            for future in received:
                future.result()

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
        """The pieces of curl_up, made beforehand."""
        self.pieces = self.root / "pieces"
        self.pieces.mkdir()
        for name in self.names:
            content = (self.source / name).read_bytes()
            for number in range(0, len(content), PART):
                (self.pieces / f"{name}.{number // PART:05}").write_bytes(content[number:number + PART])

    def commit(self):
        """The first checkpoint: `restore` takes it."""
        self.step = 0
        shutil.copytree(self.source, self.root / "in" / "step-0")
        (self.root / "in" / "step-0" / "_SUCCESS").write_bytes(b"")
        self.our_up()


def report(measured, total):
    """Each copy beside ours; ratios are those of the pairs within a round."""
    for way, what in (("up", "upload"), ("down", "restore")):
        for name in ("our", "curl", "boto"):
            rounds, ours = measured[f"{name}_{way}"], measured[f"our_{way}"]
            rate = total / statistics.median(seconds for seconds, _ in rounds)
            cost = 1024 / total * statistics.median(used for _, used in rounds)
            ratio = statistics.median(theirs / mine for (mine, _), (theirs, _) in zip(ours, rounds, strict=True))
            print(f"{what:8} {name:5} {rate:5.0f} MiB/s, {cost:5.2f} processor seconds a GiB" + ("" if name == "our" else f"; ours beside it {100 * ratio:4.0f} %"))


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
        copies = {
            "our_up": measurement.our_up, "curl_up": measurement.curl_up, "boto_up": lambda: in_a_process(measurement.boto_up),
            "our_down": measurement.our_down, "curl_down": measurement.curl_down, "boto_down": lambda: in_a_process(measurement.boto_down),
        }
        for copy in copies.values():  # what the machine does but once
            copy()
        measured = {name: [] for name in copies}
        for _ in range(options.rounds):  # in turn: whatever else the machine does, it does to all
            for name, copy in copies.items():
                measured[name].append(timed(copy))
        print(f"{options.files} files of {options.mebibytes} MiB, medians of {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")
        report(measured, options.files * options.mebibytes)
    finally:
        server.stop()
        shutil.rmtree(root)


main()
