"""Provision, poll, result, revoke."""
from __future__ import annotations

import base64
import re
import time

from .support import INITIATOR, VERSION, SimCase

LIST_VERSION = "api-version=2026-08-01"


class Share(SimCase):
    config = {"subscriptions": [{"id": "00000000-0000-4000-8000-000000000001", "vaults": [{"name": "vault1", "items": [
        {"share": "files1", "storage_account": "acct1",
         "recovery_points": [{"name": "1", "time": "2026-11-20T03:00:00Z"}]}]}]}]}

    def share(self, **changes: object) -> object:
        return {"properties": {"objectType": "AzureFileShareProvisionILRRequest", "recoveryPointId": "1",
                               "sourceResourceId": self.vm_id, **changes}}

    def test_provision(self) -> None:
        self.assertTrue(self.vm_id.endswith("/Microsoft.Storage/storageAccounts/acct1"))
        url = f"{self.point}/provisionInstantItemRecovery?{VERSION}"
        status, headers, _ = self.call("POST", url, self.share())
        self.assertEqual(status, 202)
        self.assertNotIn("properties", self.finished(headers["Azure-AsyncOperation"]))
        for change in ({"objectType": "IaasVMILRRegistrationRequest"}, {"sourceResourceId": self.point},
                       {"recoveryPointId": "2"}, {"initiatorName": INITIATOR}):
            self.assertEqual(self.call("POST", url, self.share(**change))[0], 400, change)
        self.assertEqual(self.call("GET", f"{self.vault}/backupProtectedItems?{VERSION}")[2]["value"], [])


class Provision(SimCase):
    def refused(self, body: object, **more: object) -> tuple[int, str]:
        return self.code("POST", f"{self.point}/provisionInstantItemRecovery?{VERSION}", body, **more)

    def test_the_whole_way(self) -> None:
        self.set(polls_before_success=2)
        status, headers, _ = self.call("POST", f"{self.point}/provisionInstantItemRecovery?{VERSION}", self.body())
        self.assertEqual((status, headers["Retry-After"], headers["Content-Length"]), (202, "60", "0"))
        base = f"https://localhost:{self.ready['port']}/Subscriptions/"
        for name, what in (("Azure-AsyncOperation", "operationsStatus"), ("Location", "operationResults")):
            self.assertTrue(headers[name].startswith(base), headers[name])
            self.assertRegex(headers[name], rf"/{what}/[0-9a-f-]{{36}}\?api-version=2016-12-01$")
        url = headers["Azure-AsyncOperation"]
        states = [self.call("GET", url)[2]["status"] for _ in range(3)]
        self.assertEqual(states, ["InProgress", "InProgress", "Succeeded"])
        answer = self.call("GET", url)[2]
        self.assertEqual(answer["properties"]["objectType"], "OperationStatusProvisionILRExtendedInfo")
        self.assertEqual(len(answer["properties"]["recoveryTarget"]["clientScripts"]), 1)
        self.assertEqual(self.call("GET", headers["Location"])[0], 204)
        other = self.vault + "/backupOperations/" + answer["name"] + "?" + VERSION
        self.assertEqual(self.call("GET", other)[2]["status"], "Succeeded")
        self.assertTrue(self.call("GET", f"{self.point}?{VERSION}")[2]["properties"]["isInstantIlrSessionActive"])
        self.assertEqual(self.revoke()["status"], "Succeeded")
        self.assertFalse(self.call("GET", f"{self.point}?{VERSION}")[2]["properties"]["isInstantIlrSessionActive"])

    def test_seconds(self) -> None:
        self.set(polls_before_success=0, operation_seconds=0.2)
        url = self.provision()
        self.assertEqual(self.call("GET", url)[2]["status"], "InProgress")
        time.sleep(0.25)
        self.assertEqual(self.call("GET", url)[2]["status"], "Succeeded")

    def test_resource(self) -> None:
        for more in ({"location": "westus"}, {"eTag": ""}, {"tags": {"a?": "b"}}, {"tags": {"": "b"}}, {"tags": {"a": 1}},
                     {"tags": {"a": "b" * 257}}, {"tags": {str(i): "" for i in range(51)}}, {"tags": []}):
            self.assertEqual(self.refused({**self.body(), **more})[0], 400, more)
        good = {"location": "West Europe", "eTag": "x", "tags": {"a": "b"}}
        status, _, _ = self.call("POST", f"{self.point}/provisionInstantItemRecovery?{VERSION}", {**self.body(), **good})
        self.assertEqual(status, 202)

    def test_body(self) -> None:
        bad = "BMSUserErrorInvalidInput"
        for change in ({"objectType": "AzureFileShareProvisionILRRequest"}, {"objectType": None},
                       {"initiatorName": None}, {"initiatorName": "client-1"}, {"initiatorName": "iqn.2026-13.a:b"},
                       {"recoveryPointId": "x"}, {"recoveryPointId": None}, {"virtualMachineId": None},
                       {"virtualMachineId": self.vm_id + "0"}):
            self.assertEqual(self.refused(self.body(**change)), (400, bad), change)
        invalid = (400, "InvalidRequestContent")
        for change in ({"initiator": INITIATOR}, {"renewExistingRegistration": "false"}, {"initiatorName": 1}):
            self.assertEqual(self.refused(self.body(**change)), invalid, change)
        self.assertEqual(self.refused({**self.body(), "etag": "x"}), invalid)
        self.assertEqual(self.refused({**self.body(), "id": self.point}), invalid)
        self.assertEqual(self.refused([]), invalid)
        json_type = {"Content-Type": "application/json"}
        self.assertEqual(self.refused(b"{", headers=json_type), invalid)
        self.assertEqual(self.refused(b'{"properties":{},"properties":{}}', headers=json_type), invalid)
        self.assertEqual(self.refused(b"[" * 100000, headers=json_type), invalid)
        self.assertEqual(self.refused(b"{}", headers={"Content-Type": "text/plain"}), (415, "UnsupportedMediaType"))

    def test_accepted_forms(self) -> None:
        name = self.point.rpartition("/")[2]
        for change in ({"recoveryPointId": name}, {"recoveryPointId": self.point.upper()},
                       {"renewExistingRegistration": None}, {"initiatorName": "eui.0123456789ABCDEF"}):
            self.provision(**change)
            self.revoke()
        status, _, _ = self.call("POST", f"{self.point}/provisionInstantItemRecovery?{VERSION}",
                                 {**self.body(), "eTag": "a", "location": "westeurope", "tags": {"a": "b"}})
        self.assertEqual(status, 202)

    def test_active_session(self) -> None:
        self.finished(self.provision())
        before = self.sim.ilr.state()["registrations"][-1]
        status, _, answer = self.call("POST", f"{self.point}/provisionInstantItemRecovery?{VERSION}", self.body())
        self.assertEqual((status, answer["error"]["code"]), (400, "UserErrorInstantRpILRSessionActive"))
        self.assertTrue(answer["error"]["details"] and answer["error"]["additionalInfo"])
        self.finished(self.provision(renewExistingRegistration=True))
        after = self.sim.ilr.state()["registrations"][-1]
        self.assertEqual(before["targets"], after["targets"])
        self.assertNotEqual(before["target_user"], after["target_user"])

    def test_revoke_takes_no_body(self) -> None:
        self.assertEqual(self.code("POST", f"{self.point}/revokeInstantItemRecovery?{VERSION}", {}),
                         (400, "InvalidRequestContent"))

    def test_revoked_while_it_is_made(self) -> None:
        url = self.provision()
        self.revoke()
        self.assertEqual(self.finished(url)["status"], "Canceled")

    def test_active_when_succeeded(self) -> None:
        self.set(active_when="succeeded", operation_seconds=1, polls_before_success=0)
        self.provision()
        revoke = f"{self.point}/revokeInstantItemRecovery?{VERSION}"
        again = f"{self.point}/provisionInstantItemRecovery?{VERSION}"
        refused = (409, "UserErrorInstantRpILROperationInProgress")

        def active() -> bool:
            return self.call("GET", f"{self.point}?{VERSION}")[2]["properties"]["isInstantIlrSessionActive"]
        self.assertFalse(active())
        self.assertEqual(refused, self.code("POST", revoke, b""))
        self.assertEqual(refused, self.code("POST", again, self.body()))
        time.sleep(1)  # it ends though nobody polls
        self.assertTrue(active())
        self.set(operation_seconds=0)
        self.assertEqual("Succeeded", self.revoke()["status"])
        self.assertFalse(active())

    def test_failures(self) -> None:
        for state in ("Failed", "Canceled", "Invalid", "Perplexed"):
            self.set(fail={"state": state, "code": "SomeCode", "message": "Why."})
            answer = self.finished(self.provision())
            self.assertEqual((answer["status"], answer["error"]["code"]), (state, "SomeCode"))
            self.assertEqual(self.sim.ilr.state()["registrations"], [])

    def test_expiry(self) -> None:
        self.set(registration_seconds=0.1)
        self.finished(self.provision())
        time.sleep(0.15)
        self.assertFalse(self.call("GET", f"{self.point}?{VERSION}")[2]["properties"]["isInstantIlrSessionActive"])

    def test_wrong_host(self) -> None:
        self.set(wrong_host_async=True)
        self.assertTrue(self.provision().startswith("https://evil.example.invalid/"))


class Generations(SimCase):
    def list_action(self, operation: str, version: str = LIST_VERSION) -> tuple[int, dict]:
        status, _, answer = self.call("POST", f"{self.point}/listInstantItemRecoveryOperationResult?{version}",
                                      {"provisionInstantItemRecoveryOperationId": operation})
        return status, answer

    def test_inline_knows_no_list_action(self) -> None:
        done = self.finished(self.provision())
        self.assertEqual(self.list_action(done["name"])[1]["error"]["code"], "NoRegisteredProviderFound")

    def test_list(self) -> None:
        self.set(generation="list")
        url = self.provision()
        operation = re.search("operationsStatus/([^?]*)", url)[1]
        self.assertEqual(self.list_action(operation)[0], 409)
        done = self.finished(url)
        self.assertNotIn("recoveryTarget", done["properties"])
        status, answer = self.list_action(operation)
        self.assertEqual((status, len(answer["clientScripts"])), (200, 1))
        self.assertEqual(self.list_action("00000000-0000-4000-8000-000000000000")[0], 404)
        self.assertEqual(self.list_action(operation, VERSION)[0], 400)

    def test_by_version(self) -> None:
        self.set(generation="by_version")
        self.assertIn("recoveryTarget", self.finished(self.provision())["properties"])
        self.revoke()
        self.assertNotIn("recoveryTarget", self.finished(self.provision(version=LIST_VERSION))["properties"])


class Scripts(SimCase):
    def scripts(self, **switches: object) -> list[dict]:
        self.set(**switches)
        self.sim.ilr.revoke_all()
        return self.finished(self.provision())["properties"]["recoveryTarget"]["clientScripts"]

    def text(self, **switches: object) -> str:
        return base64.b64decode(self.scripts(**switches)[0]["scriptContent"]).decode()

    @staticmethod
    def values(text: str) -> dict[str, str]:
        return dict(re.findall(r'^(\w+) ?= ?"?([^"\n]*)"?$', text, re.M))

    def test_python_and_shell(self) -> None:
        for kind in ("py", "sh"):
            values = self.values(self.text(script_kind=kind))
            registration = self.sim.ilr.last_ready()
            self.assertEqual(values["TargetNodeAddress"], registration.targets[0].name)
            self.assertEqual(values["TargetUserName"], registration.target_user)
            self.assertEqual(values["TargetPassword"], "UserInput012345")
            self.assertEqual(values["TargetPortalPortNumber"], str(self.ready["portal_port"]))
            self.assertEqual(values["VMName"], "iaasvmcontainerv2;rg-web;web01")

    def test_python_compiles(self) -> None:
        compile(self.text(), "script", "exec")

    def test_suffix(self) -> None:
        suffix = self.scripts()[0]["scriptNameSuffix"]
        registration = self.sim.ilr.last_ready()
        last = suffix.rpartition("_")[2]
        self.assertRegex(suffix, r"^web01_weu_\d{19}_\d{12}_[0-9a-f]{32}[0-9A-Za-z]{15}[0-9a-f]{14}$")
        self.assertEqual(last[:32], registration.guid.replace("-", ""))
        self.assertEqual((last[32:47], last[47:]), (registration.target_password, registration.initiator_password))
        self.assertRegex(registration.targets[0].name,
                         r"^iqn\.2016-01\.microsoft\.azure\.backup:\d{19}-\d{6}-\d{14}-\d{14}\.\d{18}$")

    def test_wrong_secret(self) -> None:
        suffix = self.scripts(wrong_secret=True)[0]["scriptNameSuffix"]
        self.assertNotIn(self.sim.ilr.last_ready().target_password, suffix)

    def test_password_inside(self) -> None:
        self.assertEqual(self.values(self.text(password_in_script=True))["TargetPassword"],
                         self.sim.ilr.last_ready().target_password)

    def test_truncated(self) -> None:
        self.assertNotIn("TargetUserName=\"", self.text(truncated_script=True))
        with self.assertRaises(ValueError):
            self.text(truncated_script="base64")
        self.assertEqual(self.scripts(truncated_script="empty")[0]["scriptContent"], "")

    def test_windows(self) -> None:
        first, second = self.scripts(script_kind="txt")
        line = base64.b64decode(first["scriptContent"]).decode()
        self.assertRegex(line, r"^User - \d{19}-[0-9a-f-]{36} , Target - Owner=\d{19},Name=\d{19}-\d+-\d+-\d+,"
                               r"Expiry=\d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M, Sequence = \d{18}$")
        self.assertEqual((second["scriptContent"], second["scriptExtension"]), ("NA", ".exe"))
        self.assertEqual(self.call("GET", second["url"][second["url"].index("/sim/"):], token=None)[0], 200)

    def test_by_url(self) -> None:
        script = self.scripts(script_by_url=True)[0]
        self.assertIsNone(script["scriptContent"])
        path = script["url"][script["url"].index("/sim/"):]
        self.assertIn(b"TargetNodeAddress=", self.call("GET", path, token=None)[2])
        self.assertEqual(self.call("GET", path)[0], 400)  # with a bearer
        self.assertEqual(self.scripts(script_by_url="https://x.example/y")[0]["url"], "https://x.example/y")

    def test_several_targets(self) -> None:
        values = self.values(self.text(multi_target=3))
        names = [t.name for t in self.sim.ilr.last_ready().targets]
        self.assertEqual((values["IsMultiTarget"], len(set(names))), ("1", 3))
        stems = {name.rpartition(".")[0][:-1] + name.rpartition(".")[2] for name in names}
        self.assertEqual(len(stems), 1)

    def test_download(self) -> None:
        self.scripts()
        got = self.sim.export_script(str(self.folder))
        self.assertEqual(got["password"], self.sim.ilr.last_ready().target_password)
        self.assertRegex(got["name"], r"^web01_weu_\d{19}_\d{12}_[0-9a-f]{46}\.py$")
        self.assertNotIn(got["password"], (self.folder / got["name"]).read_text() + got["name"])
