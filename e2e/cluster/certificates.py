"""A certificate authority of the cluster's own, by the openssl program."""

import pathlib
import subprocess

VALID_DAYS = "365"
SERVER_NAMES = (
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
    "DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1"
)
# Who the components are, by the names that the API server's built-in roles are bound to.
CLIENTS = {
    "admin": "/O=system:masters/CN=admin",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kwok": "/O=system:masters/CN=kwok",
}


class Certificates:
    """The files in `directory`: ca, server (of whatever listens) and each of CLIENTS as .crt and
    .key, and the key that signs ServiceAccount tokens.
    """

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self.service_account_key = self._directory / "service-account.key"
        self.service_account_public_key = self._directory / "service-account.pub"

    def certificate(self, name):
        return self._directory / f"{name}.crt"

    def key(self, name):
        return self._directory / f"{name}.key"

    def create(self, addresses=()):
        """Makes what is missing; servers are also known by these IP addresses."""
        if self.service_account_public_key.exists():
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        self._issue(
            "ca",
            "/CN=spillway-e2e",
            "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign",
        )
        names = ",".join([SERVER_NAMES, *(f"IP:{address}" for address in addresses)])
        self._issue("server", "/CN=server", f"subjectAltName={names}", signed=True)
        for name, subject in CLIENTS.items():
            self.issue_client(name, subject)
        # Of the API server, when it asks an API behind it.
        self.issue_client("front-proxy", "/CN=front-proxy")
        self._openssl("genrsa", "-out", self.service_account_key, "2048")
        self._openssl(
            "rsa",
            "-in",
            self.service_account_key,
            "-pubout",
            "-out",
            self.service_account_public_key,
        )

    def issue_client(self, name, subject):
        """A certificate for a client, who is to the API server what `subject` says."""
        self._issue(name, subject, "extendedKeyUsage=clientAuth", signed=True)

    def _issue(self, name, subject, *extensions, signed=False):
        command = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-noenc",
            "-sha256",
        ]
        command += ["-days", VALID_DAYS, "-subj", subject]
        command += ["-keyout", self.key(name), "-out", self.certificate(name)]
        # An empty configuration: the machine's own may add extensions that contradict ours.
        command += ["-config", "/dev/null"]
        for extension in extensions:
            command += ["-addext", extension]
        if signed:
            command += ["-CA", self.certificate("ca"), "-CAkey", self.key("ca")]
            command += ["-addext", "basicConstraints=critical,CA:FALSE"]
        self._openssl(*command)

    @staticmethod
    def _openssl(*arguments):
        result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]} failed: {result.stderr.strip()}")
