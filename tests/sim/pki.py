"""The certificates of one run, made with the openssl command line.

Authorities have EC keys because those cost nothing to make; the leaves share one RSA key, because the
portal must be able to speak ECDHE-RSA-AES256-GCM-SHA384.
"""
from __future__ import annotations

import os
import ssl
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

# Names that the REST end point may be reached under, by an entry in /etc/hosts or curl's --resolve.
CLOUD_HOSTS = (
    "management.azure.com",
    "management.usgovcloudapi.net",
    "management.chinacloudapi.cn",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
)
PORTAL_DOMAINS = (
    "backup.windowsazure.com",
    "backup.windowsazure.us",
    "backup.windowsazure.cn",
    "backup.windowsazure.de",
)
WRONG_NAME = "some-other-host.example.invalid"
PORTAL_CERTS = ("good", "wrong_name", "expired", "untrusted")
# OpenSSL 3 speaks TLS 1.1 and older at its lowest security level only.
OLD_TLS_CIPHERS = "ALL:@SECLEVEL=0"
_TLS_VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1,
                 "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Pki:
    """Where the files are. `key` belongs to every leaf."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def key(self) -> Path:
        return self.folder / "leaf.key"

    @property
    def arm(self) -> Path:
        return self.folder / "arm.pem"

    @property
    def client(self) -> Path:
        """An application's, with which it signs in; its key is `key`, since another costs seconds to make."""
        return self.folder / "client.pem"

    def portal(self, kind: str) -> Path:
        return self.folder / f"portal-{kind}.pem"

    def context(self, cert: Path, tls_max: str | None = None) -> ssl.SSLContext:
        """A server context; `tls_max` of 1.0 or 1.1 makes a server as old as that."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls_max:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # being old is the purpose
                version = _TLS_VERSIONS[tls_max]
                if tls_max in ("1.0", "1.1"):
                    context.set_ciphers(OLD_TLS_CIPHERS)
                    context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = version
        context.load_cert_chain(cert, self.key)
        return context


def _openssl(*args: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {args[0]} failed: {done.stderr.strip()}")


def _authority(folder: Path, name: str, common_name: str) -> None:
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-days", "30",
             "-subj", f"/CN={common_name}", "-addext", "basicConstraints=critical,CA:TRUE",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def _leaf(folder: Path, authority: str, out: Path, names: list[str], expired: bool = False) -> None:
    """`openssl ca`, because it alone lets every OpenSSL 1.1 to 3.x set both ends of the validity."""
    addresses = [n for n in names if n.replace(".", "").isdigit()]
    alt = ",".join([f"IP:{a}" for a in addresses] + [f"DNS:{n}" for n in names if n not in addresses])
    with tempfile.TemporaryDirectory(dir=folder) as tmp:
        work = Path(tmp)
        (work / "index").write_text("")
        (work / "index.attr").write_text("unique_subject = no\n")
        (work / "conf").write_text(
            "[req]\ndistinguished_name = dn\n[dn]\n"
            "[ca]\ndefault_ca = here\n[here]\n"
            f"new_certs_dir = {work}\ndatabase = {work}/index\nrand_serial = yes\n"
            "default_md = sha256\npolicy = any\nx509_extensions = leaf\nunique_subject = no\n"
            "[any]\ncommonName = supplied\n"
            "[leaf]\nbasicConstraints = critical,CA:FALSE\n"
            "keyUsage = critical,digitalSignature,keyEncipherment\nextendedKeyUsage = serverAuth\n"
            f"subjectAltName = {alt}\n")
        _openssl("req", "-new", "-config", work / "conf", "-key", folder / "leaf.key",
                 "-subj", f"/CN={names[0][:60]}", "-out", work / "csr")
        validity = (["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"] if expired
                    else ["-days", "30"])
        _openssl("ca", "-batch", "-notext", "-config", work / "conf", *validity,
                 "-cert", folder / f"{authority}.pem", "-keyfile", folder / f"{authority}.key",
                 "-in", work / "csr", "-out", out)


def make(folder: Path, portal_names: list[str]) -> Pki:
    """Make what is missing in `folder`; a complete one is used as it is (see --pki)."""
    pki = Pki(folder)
    wanted = [pki.ca, pki.key, pki.arm, pki.client, *(pki.portal(kind) for kind in PORTAL_CERTS)]
    if all(path.exists() for path in wanted):
        return pki
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    old = os.umask(0o077)
    try:
        _authority(folder, "ca", "azure-sim authority of this run")
        _authority(folder, "other", "azure-sim authority that nobody trusts")
        _openssl("genrsa", "-out", pki.key, "2048")
        _openssl("req", "-x509", "-key", pki.key, "-out", pki.client, "-days", "30", "-subj", "/CN=azilr-client")
        local = ["localhost", "127.0.0.1"]
        _leaf(folder, "ca", pki.arm, [*local, *CLOUD_HOSTS])
        names = list(dict.fromkeys(portal_names + local + [f"*.{domain}" for domain in PORTAL_DOMAINS]))
        _leaf(folder, "ca", pki.portal("good"), names)
        _leaf(folder, "ca", pki.portal("wrong_name"), [WRONG_NAME])
        _leaf(folder, "ca", pki.portal("expired"), names, expired=True)
        _leaf(folder, "other", pki.portal("untrusted"), names)
    finally:
        os.umask(old)
    os.chmod(pki.ca, 0o644)
    return pki
