"""The simulator of Azure's REST service, with as many recovery points as are wanted."""
import datetime
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "native"))
from arm_support import GUID, Sim  # noqa: E402

FIRST = datetime.datetime(1999, 1, 1, 3, tzinfo=datetime.timezone.utc)


def machine(count: int) -> dict:
    times = [(FIRST + datetime.timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ") for number in range(count)]
    return {"vm": f"vm{count}", "recovery_points": [{"name": str(630000000000000000 + number), "time": time}
                                                    for number, time in enumerate(times)]}


class Cloud:
    """One vault, with a machine for each number of recovery points: vm10 has ten."""

    def __init__(self, counts: list):
        self.sim = Sim({"subscriptions": [{"id": GUID + "1", "vaults": [
            {"name": "vault1", "items": [machine(count) for count in counts]}]}]})
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("AZURE_", "AZILR_")) and "proxy" not in name.lower()}
        config = pathlib.Path(self.sim.folder) / "azilr.conf"
        config.touch(0o644)
        self.sign_in = ["--endpoint", self.sim.ready["arm"], "--ca-file", os.path.join(self.sim.folder, "ca.pem"),
                        "--token-file", self.sim.ready["token_file"], "--config", config]

    def close(self):
        self.sim.stop()
