"""The checks that Resource Manager makes, and the lists."""
from __future__ import annotations

from urllib.parse import quote

from .support import VERSION, SimCase

ITEMS_FILTER = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"


class Checks(SimCase):
    def test_every_answer_carries_ids(self) -> None:
        for path in (f"{self.point}?{VERSION}", self.point, f"/nowhere?{VERSION}"):
            _, headers, _ = self.call("GET", path)
            for name in ("x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id", "Date",
                         "Content-Type"):
                self.assertTrue(headers[name], name)

    def test_api_version(self) -> None:
        self.assertEqual(self.code("GET", self.point, token=None), (400, "MissingApiVersionParameter"))
        self.assertEqual(self.code("GET", self.point + "?api-version=2099-01-01"), (400, "NoRegisteredProviderFound"))
        self.assertEqual(self.code("GET", self.point + "?api-version=latest"), (400, "InvalidApiVersionParameter"))

    def test_bearer(self) -> None:
        path = f"{self.point}?{VERSION}"
        expired = (self.folder / "token.expired").read_text()
        self.assertEqual(self.code("GET", path, token=None), (401, "AuthenticationFailed"))
        self.assertEqual(self.code("GET", path, token=expired), (401, "ExpiredAuthenticationToken"))
        self.assertEqual(self.code("GET", path, token="wrong"), (401, "InvalidAuthenticationToken"))
        self.assertEqual(self.code("GET", path, headers={"Authorization": "Basic eDp5"}),
                         (401, "AuthenticationFailedInvalidHeader"))
        _, headers, _ = self.call("GET", path, token=None)
        self.assertIn("authorization_uri=", headers["WWW-Authenticate"])

    def test_names_compare_without_case_and_semicolons_may_be_escaped(self) -> None:
        for path in (self.point.upper(), self.point.lower(), quote(self.point, safe="/")):
            self.assertEqual(self.call("GET", f"{path}?{VERSION}")[0], 200, path)

    def test_what_does_not_exist(self) -> None:
        def error(old: str, new: str) -> tuple[int, str]:
            self.assertIn(old, self.point)
            return self.code("GET", f"{self.point.replace(old, new)}?{VERSION}")
        self.assertEqual(error("8000-000000000001", "8000-000000000009"), (404, "SubscriptionNotFound"))
        self.assertEqual(error("00000000-0000-4000-8000-000000000001", "mine"), (400, "InvalidSubscriptionId"))
        self.assertEqual(error("rg-backup", "rg-none"), (404, "ResourceGroupNotFound"))
        self.assertEqual(error("vault1", "vault9"), (404, "ResourceNotFound"))
        self.assertEqual(error("web01", "web99"), (404, "BMSUserErrorDataSourceObjectNotFound"))
        self.assertEqual(error("630000000000000002", "1"), (404, "BMSUserErrorRecoveryPointNotFound"))
        self.assertEqual(error("IaasVMContainer;iaas", "iaas"), (400, "BMSUserErrorInvalidInput"))
        self.assertEqual(error("/Azure/", "/Other/"), (400, "BMSUserErrorInvalidInput"))
        self.assertEqual(error("/recoveryPoints/", "/recoverypoint/"), (404, "InvalidResourceType"))
        self.assertEqual(error("/protectedItems", "//protectedItems"), (404, "InvalidResourceType"))

    def test_method(self) -> None:
        self.assertEqual(self.call("POST", f"{self.point}?{VERSION}", b"")[0], 405)
        status, headers, _ = self.call("GET", f"{self.point}/revokeInstantItemRecovery?{VERSION}")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))

    def test_length_required(self) -> None:
        connection = self.connection()
        connection.putrequest("POST", f"{self.point}/revokeInstantItemRecovery?{VERSION}")
        connection.putheader("Authorization", f"Bearer {self.token}")
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 411)

    def test_query_typing_error(self) -> None:
        self.assertEqual(self.code("GET", f"{self.item}/recoveryPoints?{VERSION}&$fliter=x"),
                         (400, "InvalidQueryParameter"))

    def test_host(self) -> None:
        self.assertEqual(self.code("GET", f"{self.point}?{VERSION}", headers={"Host": "elsewhere"}),
                         (400, "InvalidHostName"))
        self.assertEqual(self.call("GET", f"{self.point}?{VERSION}", headers={"Host": "management.azure.com"})[0], 200)

    def test_keep_alive(self) -> None:
        connection = self.connection()
        for _ in range(3):
            connection.request("GET", f"{self.point}?{VERSION}", headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            answer.read()
            local = connection.sock.getsockname()
            self.assertEqual(connection.sock.getsockname(), local)

    def test_forbidden(self) -> None:
        self.set(forbidden="provision")
        status, _, answer = self.call("POST", f"{self.point}/provisionInstantItemRecovery?{VERSION}", self.body())
        self.assertEqual((status, answer["error"]["code"]), (403, "AuthorizationFailed"))
        self.assertIn("/provisionInstantItemRecovery/action' over scope '/subscriptions/", answer["error"]["message"])
        self.assertEqual(self.call("GET", f"{self.point}?{VERSION}")[0], 200)

    def test_permissions(self) -> None:
        url = f"{self.vault}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
        status, _, body = self.call("GET", url)
        self.assertEqual(200, status)
        actions = [action for role in body["value"] for action in role["actions"]]
        revoke = [action for action in actions if action.endswith("/revokeInstantItemRecovery/action")]
        self.assertEqual(1, len(revoke))
        self.set(forbidden="revoke")
        _, _, body = self.call("GET", url)
        self.assertEqual(len(actions) - 1, sum(len(role["actions"]) for role in body["value"]))
        self.assertNotIn(revoke[0], str(body))
        self.assertEqual(400, self.call("GET", url.replace("2022-04-01", "2023-02-01"))[0])

    def test_forbidden_scope(self) -> None:
        self.set(forbidden_scopes=[self.vault.upper()])
        items = f"{self.vault}/backupProtectedItems?{VERSION}"
        self.assertEqual(self.code("GET", items), (403, "AuthorizationFailed"))
        self.assertEqual(self.code("GET", f"{quote(self.point, safe='/')}?{VERSION}"), (403, "AuthorizationFailed"))
        vaults = f"{self.vault.rpartition('/')[0]}?{VERSION}"
        self.assertEqual(self.call("GET", vaults)[0], 200)
        self.set(forbidden_scopes=self.vault[:-1])  # another vault's, whose name this one's begins with
        self.assertEqual(self.call("GET", items)[0], 200)

    def test_log_has_no_secret(self) -> None:
        self.call("GET", f"{self.point}?{VERSION}&x={self.token}")
        text = (self.folder / "requests.jsonl").read_text()
        self.assertNotIn(self.token, text)
        entry = self.log()[-1]
        self.assertEqual((entry["call"], entry["bearer"], entry["status"]), ("point_get", "valid", 400))
        self.assertIn("authorization", entry["headers"])


class Lists(SimCase):
    config = {"subscriptions": [
        {"id": "00000000-0000-4000-8000-00000000000%d" % number, "vaults": [
            {"name": "vault1", "items": [
                {"vm": f"web{n}", "recovery_points": [
                    {"name": str(day), "time": f"2026-11-{day:02d}T03:00:00Z"} for day in range(1, 8)]}
                for n in range(5)]}]}
        for number in (1, 2)]}

    def pages(self, path: str) -> list[list[dict]]:
        found, url = [], path
        while url:
            status, _, answer = self.call("GET", url)
            self.assertEqual(status, 200, answer)
            found.append(answer["value"])
            url = answer.get("nextLink")
        return found

    def test_subscriptions_and_vaults(self) -> None:
        subs = self.pages("/subscriptions?api-version=2020-01-01")[0]
        self.assertEqual(len(subs), 2)
        for one in subs:
            path = f"{one['id']}/providers/Microsoft.RecoveryServices/vaults?{VERSION}"
            self.assertEqual([v["name"] for v in self.pages(path)[0]], ["vault1"])

    def test_optional_members_may_be_missing(self) -> None:
        vault = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-backup/providers/" \
                "Microsoft.RecoveryServices/vaults/vault1"
        item = self.pages(f"{vault}/backupProtectedItems?{VERSION}")[0][0]["id"]
        point = self.pages(f"{item}/recoveryPoints?{VERSION}")[0][0]
        full = point["properties"]
        self.assertEqual(full, self.call("GET", f"{point['id']}?{VERSION}")[2]["properties"])
        self.set(omit_in_lists=["isInstantIlrSessionActive"], omit="zones", type_case="lower")
        listed = self.pages(f"{item}/recoveryPoints?{VERSION}")[0][0]["properties"]
        alone = self.call("GET", f"{point['id']}?{VERSION}")[2]["properties"]
        self.assertEqual({"isInstantIlrSessionActive", "zones"}, set(full) - set(listed))
        self.assertEqual({"zones"}, set(full) - set(alone))
        self.assertEqual("iaasvmrecoverypoint", alone["objectType"])
        self.set(omit=["friendlyName", "virtualMachineId"], type_case="upper")
        for entry in (self.pages(f"{vault}/backupProtectedItems?{VERSION}")[0][0], self.call("GET", f"{item}?{VERSION}")[2]):
            self.assertNotIn("friendlyName", entry["properties"])
            self.assertEqual("MICROSOFT.COMPUTE/VIRTUALMACHINES", entry["properties"]["protectedItemType"])
        for wrong in ({"omit": "recoveryPointTime"}, {"omit_in_lists": ["id"]}, {"type_case": "Title"}):
            with self.assertRaises(Exception):
                self.set(**wrong)

    def test_points_that_are_not_there_yet(self) -> None:
        item = self.point.rpartition("/recoveryPoints/")[0]
        newest, *older = self.pages(f"{item}/recoveryPoints?{VERSION}")[0]
        self.set(hidden_points=newest["name"])
        self.assertEqual([one["name"] for one in older],
                         [one["name"] for one in self.pages(f"{item}/recoveryPoints?{VERSION}")[0]])
        self.assertEqual(404, self.call("GET", f"{newest['id']}?{VERSION}")[0])
        self.set(hidden_points=[])
        self.assertEqual(200, self.call("GET", f"{newest['id']}?{VERSION}")[0])

    def test_vaults_of_a_group(self) -> None:
        base = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/{}/providers/" \
               "Microsoft.RecoveryServices/vaults?" + VERSION
        self.assertEqual([v["name"] for v in self.pages(base.format("RG-BACKUP"))[0]], ["vault1"])
        self.assertEqual(self.pages(base.format("rg-web"))[0], [])
        self.assertEqual(self.code("GET", base.format("rg-none")), (404, "ResourceGroupNotFound"))

    def test_items(self) -> None:
        path = f"{self.vault}/backupProtectedItems?{VERSION}&$filter={ITEMS_FILTER}"
        self.assertEqual(len(self.pages(path)[0]), 5)
        self.set(page_size=2)
        pages = self.pages(path)
        self.assertEqual([len(p) for p in pages], [2, 2, 1])
        self.assertEqual(len({i["id"] for p in pages for i in p}), 5)
        properties = pages[0][0]["properties"]
        self.assertEqual(properties["virtualMachineId"], properties["sourceResourceId"])
        for bad in ("backupManagementType eq 'MAB'", "backupManagementType = 'AzureIaasVM'", "vm eq 'x'"):
            self.assertEqual(self.code("GET", f"{self.vault}/backupProtectedItems?{VERSION}&$filter={bad}"),
                             (400, "BMSUserErrorInvalidInput"), bad)

    def test_points(self) -> None:
        path = f"{self.item}/recoveryPoints?{VERSION}"
        self.assertEqual([p["name"] for p in self.pages(path)[0]], list("7654321"))
        wanted = "startDate eq '2026-11-02 12:00:00 AM' and endDate eq '2026-11-04 02:59:59 AM'"
        self.assertEqual([p["name"] for p in self.pages(f"{path}&$filter={wanted}")[0]], ["3", "2"])
        for bad in ("startDate eq '2026-11-02 12:00:00 AM'", wanted.replace("02:59", "14:59"),
                    wanted.replace("2026-11-02 12:00:00 AM", "2026-11-02T00:00:00Z")):
            self.assertEqual(self.code("GET", f"{path}&$filter={bad}"), (400, "BMSUserErrorInvalidInput"), bad)

    def test_item(self) -> None:
        status, _, answer = self.call("GET", f"{self.item}?{VERSION}")
        self.assertEqual((status, answer["properties"]["workloadType"]), (200, "VM"))
