"""All parts of one simulator, put together; what the command line and the tests start."""
from __future__ import annotations

import json
import os
import secrets
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import pki as pki_module
from . import script
from .arm import Arm
from .assertion import Certificates, Federation
from .control import Control
from .device import PUBLIC_CLIENT, Devices
from .ilr import Ilr
from .journal import Journal
from .managed import USER_ASSIGNED, Managed
from .oauth import Credentials, OAuth, Tokens, audiences
from .portal import Portal
from .server import App, HttpsServer
from .switches import Switches
from .target import NoBackend, StreamBackend, TgtBackend, TgtOptions
from .vault import ConfigError, Model, Place

CONFIG_KEYS = {"subscriptions", "switches", "tenant_id", "client_id", "client_secret", "tokens", "portal_name"}
DEFAULT_TENANT = "00000000-0000-4000-8000-0000000000a1"
DEFAULT_CLIENT = "00000000-0000-4000-8000-0000000000b1"
DEFAULT_PORTAL = "pod01-rec2.{geo}.backup.windowsazure.com"
PRIVATE_PORTAL = "00000000-0000-4000-8000-0000000000c1-{first}.{geo}.privatelink.{domain}"
SWEEP_SECONDS = 0.5


@dataclass
class Options:
    folder: Path
    address: str = "127.0.0.1"
    port: int = 0
    portal_address: str = "127.0.0.1"
    portal_port: int = 0
    portal_name: str | None = None
    backend: str = "none"
    tgt_portal: str = "127.0.0.1:13260"
    tgt_control_port: int = 60
    pki: Path | None = None
    disks: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)


class Simulator:
    def __init__(self, options: Options) -> None:
        self.options, config = options, options.config
        unknown = set(config) - CONFIG_KEYS
        if unknown:
            raise ConfigError(f"configuration: unknown member {sorted(unknown)[0]!r}")
        options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.model = Model.parse(config["subscriptions"]) if "subscriptions" in config else Model.default(options.disks)
        self.switches = Switches(config.get("switches"))
        self.credentials = Credentials(config.get("tenant_id", DEFAULT_TENANT), config.get("client_id", DEFAULT_CLIENT),
                                       config.get("client_secret") or secrets.token_urlsafe(30))
        self.tokens = Tokens(self.credentials.tenant)
        self.federation = Federation()
        self.devices = Devices(self.switches)
        self.managed = Managed(self.tokens, self.switches, lambda: audiences(f"localhost:{self.arm.server_address[1]}"),
                               options.folder / "arc-tokens")
        self._portal_template = options.portal_name or config.get("portal_name", DEFAULT_PORTAL)
        names = [self._portal_template.format(geo=vault.geo) for vault in self.model.vaults]
        self.pki = pki_module.make(options.pki or options.folder / "pki", names)
        self.backend = self._make_backend()
        self.ilr = Ilr(self.switches, self.backend, self._portal_of, lambda names: self.portal.drop(names))
        self._arm_contexts: dict[str | None, ssl.SSLContext] = {}
        self._stop_sweeping = threading.Event()
        self._running: list[Any] = []  # closed in reverse

    def _make_backend(self) -> NoBackend:
        o = self.options
        if o.backend == "tgtd":
            return TgtBackend(TgtOptions(o.tgt_portal, o.tgt_control_port, o.folder))
        if o.backend in ("echo", "sink"):
            return StreamBackend(sink=o.backend == "sink")
        return NoBackend()

    def _portal_of(self, place: Place) -> tuple[str, int]:
        name = self._portal_template.format(geo=place.vault.geo)
        if self.switches.private_endpoint:
            first, _, rest = name.partition(".")
            geo, _, domain = rest.partition(".")
            name = PRIVATE_PORTAL.format(first=first, geo=geo, domain=domain)
        return name, self.portal.address[1]

    def _arm_context(self) -> ssl.SSLContext:
        key = self.switches.tls_max
        if key not in self._arm_contexts:
            self._arm_contexts[key] = self.pki.context(self.pki.arm, key)
        return self._arm_contexts[key]

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        folder = self.options.folder
        try:
            self._start_parts(folder)
        except BaseException:
            self.stop()
            raise

    def _start_parts(self, folder: Path) -> None:
        (folder / "ready.json").unlink(missing_ok=True)
        self._private_files(folder)
        self.journal = Journal(folder / "requests.jsonl", self.secrets)
        self.portal_journal = Journal(folder / "portal.jsonl", self.secrets)
        self.backend.start()
        self._running.append(self.backend.stop)
        self.portal = Portal((self.options.portal_address, self.options.portal_port), self.pki, self.switches,
                             self.backend, self.portal_journal, self.ilr.any_ready)
        self._running.append(self.portal.close)
        arm = Arm(self.model, self.switches, self.tokens, self.credentials, self.ilr)
        oauth = OAuth(self.credentials, self.tokens, lambda: self.switches.token_lifetime,
                      Certificates(self.pki.client, self.credentials.client), self.federation, self.devices)
        app = App(arm, oauth, self.managed, self.tokens, self.switches, self.journal)
        self.arm = self._serve((self.options.address, self.options.port), app, "arm")
        self.trap = self._serve((self.options.address, 0), app, "trap")
        self.imds = self._serve((self.options.address, 0), app, "imds", tls=False)
        self.arc = self._serve((self.options.address, 0), app, "arc", tls=False)
        self.control = Control(folder / "control.sock", self)
        self._running.append(self.control.close)
        threading.Thread(target=self._sweep, daemon=True, name="sweep").start()
        self._write_ready(folder)

    def _serve(self, address: tuple[str, int], app: App, name: str, tls: bool = True) -> HttpsServer:
        server = HttpsServer(address, self._arm_context if tls else None, app, name)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True, name=name).start()

        def close() -> None:
            server.shutdown()
            server.server_close()
        self._running.append(close)
        return server

    def _private_files(self, folder: Path) -> None:
        """Secrets for the tests, each in a file of its own."""
        config, default = self.options.config, {"token": self.tokens.issue(86400), "token.expired": self.tokens.issue(-60)}
        for entry in config.get("tokens", []):
            self.tokens.add(entry["token"], -60 if entry.get("expired") else entry.get("lifetime", 86400))
        for name, text in {**default, "client-secret": self.credentials.secret}.items():
            with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(text)
        with open(os.open(folder / "client-certificate.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(self.pki.key.read_bytes() + self.pki.client.read_bytes())
        self.write_federated_token()
        ca = folder / "ca.pem"
        ca.write_bytes(self.pki.ca.read_bytes())

    def write_federated_token(self) -> None:
        """Put in place at once, as Kubernetes does."""
        path = self.options.folder / "federated-token"
        path.with_suffix(".new").write_text(self.federation.token)
        path.with_suffix(".new").rename(path)

    def rotate_federated_token(self) -> None:
        self.federation.rotate()
        self.write_federated_token()

    def _write_ready(self, folder: Path) -> None:
        port = self.arm.server_address[1]
        base = f"https://localhost:{port}"
        ready = {
            "pid": os.getpid(), "arm": base, "authority": base, "port": port,
            "trap": f"https://127.0.0.1:{self.trap.server_address[1]}", "trap_host":
            f"127.0.0.1:{self.trap.server_address[1]}",
            "portal_address": self.portal.address[0], "portal_port": self.portal.address[1],
            "portal_names": sorted({self._portal_template.format(geo=v.geo) for v in self.model.vaults}),
            "tenant_id": self.credentials.tenant, "client_id": self.credentials.client,
            "ca": str(folder / "ca.pem"), "token_file": str(folder / "token"),
            "expired_token_file": str(folder / "token.expired"), "client_secret_file": str(folder / "client-secret"),
            "client_certificate_file": str(folder / "client-certificate.pem"),
            "federated_token_file": str(folder / "federated-token"), "public_client_id": PUBLIC_CLIENT,
            "imds": f"http://127.0.0.1:{self.imds.server_address[1]}",
            "arc": f"http://127.0.0.1:{self.arc.server_address[1]}", "arc_folder": str(self.managed.folder),
            "user_assigned_client_id": USER_ASSIGNED,
            "control": str(folder / "control.sock"), "requests": str(folder / "requests.jsonl"),
            "portal_log": str(folder / "portal.jsonl"), "backend": self.options.backend,
            "tgt_portal": self.options.tgt_portal if self.options.backend == "tgtd" else None,
            "tgt_control_port": self.options.tgt_control_port if self.options.backend == "tgtd" else None,
            "tgt_ipc_socket": str(folder / "tgtd.sock") if self.options.backend == "tgtd" else None,
            "recovery_points": [{"id": p.id, "vm": p.item.vm, "vm_id": p.item.vm_id, "vault": p.vault.name,
                                 "resource_group": p.vault.group, "subscription": p.vault.subscription,
                                 "name": p.point.name if p.point else None} for p in self.model.places()]}
        temporary = folder / "ready.json.new"
        temporary.write_text(json.dumps(ready, indent=2) + "\n")
        temporary.rename(folder / "ready.json")

    def _sweep(self) -> None:
        while not self._stop_sweeping.wait(SWEEP_SECONDS):
            self.ilr.sweep()

    def stop(self) -> None:
        self._stop_sweeping.set()
        (self.options.folder / "ready.json").unlink(missing_ok=True)
        self.ilr.revoke_all()
        for close in reversed(self._running):
            close()
        self._running.clear()
        for journal in (getattr(self, "journal", None), getattr(self, "portal_journal", None)):
            if journal:
                journal.close()

    # --- what the control socket asks ---------------------------------------------------------------

    def secrets(self) -> list[str]:
        return [self.credentials.secret, *self.tokens.all(), *self.ilr.secrets(), *self.federation.all,
                *self.devices.secrets(), *self.managed.secrets()]

    def state(self) -> dict[str, Any]:
        return {**self.ilr.state(), "switches": self.switches.values(), "requests": self.journal.count,
                "portal": {"connections": self.portal.connections, "writes": self.portal.writes}}

    def export_script(self, path: str) -> dict[str, str]:
        """The newest script as a person downloads it: into `path` if that is a folder, under its own name."""
        registration = self.ilr.last_ready()
        if registration is None:
            raise LookupError("nothing has been provisioned yet")
        name, content, password = script.download(registration, self.switches)
        target = Path(path) / name if os.path.isdir(path) else Path(path)
        target.write_text(content)
        return {"path": str(target), "name": name, "password": password}
