"""DIR/control.sock: one line of JSON in, one out, any number of times."""
from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .switches import BadSwitch

if TYPE_CHECKING:
    from .service import Simulator


class Control:
    def __init__(self, path: Path, simulator: "Simulator") -> None:
        self._path, self._simulator = path, simulator
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True, name="control").start()

    def close(self) -> None:
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                try:
                    answer = {"ok": True, **self._do(json.loads(line))}
                except (ValueError, LookupError, OSError, BadSwitch) as error:
                    answer = {"ok": False, "error": str(error)}
                lines.write(json.dumps(answer) + "\n")
                lines.flush()

    def _do(self, order: Any) -> dict[str, Any]:
        sim = self._simulator
        if not isinstance(order, dict) or len(order) != 1:
            raise ValueError("an order is an object with one member")
        (verb, value), = order.items()
        if verb == "set":
            sim.switches.set(value)
            return {}
        if verb == "reset":
            sim.switches.reset()
            if value is not True:
                sim.switches.set(value)
            return {}
        if verb == "get" and value == "state":
            return {"state": sim.state()}
        if verb == "get" and value == "secrets":
            return {"secrets": sim.secrets()}
        if verb == "revoke_all":
            return {"revoked": sim.ilr.revoke_all()}
        if verb == "expire_tokens":
            sim.tokens.expire_all()
            return {}
        if verb == "rotate_federated_token":
            sim.rotate_federated_token()
            return {}
        if verb == "cut_portal":
            return {"cut": sim.portal.cut()}
        if verb == "export_script":
            return sim.export_script(value)
        raise ValueError(f"unknown order {verb!r}")
