#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`azilr list` as a person uses it: tests/native/list_test.py BUILD"""
import os
import resource
import shutil
import sys
import time
import unicodedata
from datetime import datetime, timedelta, timezone

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from arm_support import AUTH, NETWORK, NOT_FOUND, USAGE, main  # noqa: E402
from find_support import ONE, THREE, TWO, Finding, point, vault_id  # noqa: E402


def columns(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def column_of(line, text):
    return columns(line[:line.index(text)])


class Vaults(Finding):
    def test_table(self):
        lines = self.list("vaults").out.splitlines()
        self.assertEqual(["VAULT", "RESOURCE", "GROUP", "LOCATION", "SUBSCRIPTION"], lines[0].split())
        self.assertEqual([["vault1", "rg-backup", "westeurope", ONE], ["vault2", "rg-other", "northeurope", ONE],
                          ["vault1", "rg-backup", "westeurope", TWO], ["empty", "rg-empty", "westeurope", TWO]],
                         [line.split() for line in lines[1:]])
        self.assertEqual({column_of(lines[0], "SUBSCRIPTION")}, {column_of(line, ONE[:-1]) for line in lines[1:]})

    def test_json(self):
        document = self.list_json("vaults")
        self.assertEqual({"vaults", "unreadable"}, set(document))
        self.assertEqual([], document["unreadable"])
        self.assertEqual({"id": vault_id(ONE, "vault2", "rg-other"), "name": "vault2", "resource_group": "rg-other",
                          "location": "northeurope", "subscription": ONE}, document["vaults"][1])

    def test_pages(self):
        self.sim.set(page_size=1)
        self.assertEqual(4, len(self.list_json("vaults")["vaults"]))
        self.assertEqual(3, len(self.requests("subscriptions_list")))

    def test_narrowed(self):
        for options, count in ((("-s", ONE), 2), (("-s", THREE), 0), (("-g", "RG-backup"), 2), (("-v", "VAULT1"), 2),
                               (("-v", "vault1", "-s", ONE), 1), (("-v", "vault1", "-g", "rg-other"), 0),
                               (("-s", ONE, "-g", "rg-other", "-v", "vault2"), 1), (("-g", "rg-nowhere"), 0)):
            self.assertEqual(count, len(self.list_json("vaults", *options)["vaults"]), options)
        self.assertIn("no such vault", self.list("vaults", "-s", THREE).out)
        self.assertIn("SubscriptionNotFound", self.list("vaults", "-s", ONE[:-1] + "9", code=NOT_FOUND).err)
        self.assertIn("ResourceGroupNotFound", self.list("vaults", "-s", ONE, "-g", "none", code=NOT_FOUND).err)

    def test_forbidden(self):
        self.sim.set(forbidden_scopes=f"/subscriptions/{ONE}")
        run = self.list("vaults", "--json")
        self.assertEqual([TWO, TWO], [one["subscription"] for one in run.json["vaults"]])
        self.assertEqual([f"subscription {ONE}"], [one["where"] for one in run.json["unreadable"]])
        self.assertIn("AuthorizationFailed", run.json["unreadable"][0]["reason"])
        self.assertIn(f"subscription {ONE} cannot be looked into", run.err)
        self.assertIn("cannot list the vaults", self.list("vaults", "-s", ONE, code=AUTH).err)
        self.sim.set(forbidden=["vaults_list"])
        self.assertIn("none of the 3 places", self.list("vaults", code=AUTH).err)

    def test_hostile_text(self):
        evil = {"id": vault_id(ONE, "v"), "name": "x", "location": "a\x1b[2J\nb\u202e"}
        bad = [{"id": vault_id(ONE, "../x")}, {"id": vault_id(ONE, "a\x1b[2J")}, {"id": 7}, {"id": "https://x/"}, "x"]
        self.sim.set(raw={"calls": "vaults_list", "times": -1, "body": {"value": [evil, *bad]}})
        run = self.list("vaults", "-s", ONE)
        self.assertNotIn("\x1b", run.out + run.err)
        self.assertNotIn("\u202e", run.out)
        self.assertEqual(2, len(run.out.splitlines()))
        self.assertEqual(1, len(self.list_json("vaults", "-s", ONE)["vaults"]))


class Items(Finding):
    def test_table(self):
        lines = self.list("items").out.splitlines()
        self.assertEqual(10, len(lines) - 1, lines)
        self.assertEqual("VM  VM RESOURCE GROUP  VAULT  VAULT RESOURCE GROUP  LAST BACKUP  STATUS  PROTECTION".split(),
                         lines[0].split())
        self.assertEqual(["web01", "rg-web", "vault1", "rg-backup", "2026-11-20", "03:00:00", "+0000", "Completed",
                          "Protected"], lines[1].split())
        self.assertEqual(["new01", "rg-web", "vault1", "rg-backup", "-", "Completed", "Protected"], lines[4].split())

    def test_columns_stand_below_each_other_whatever_the_letters(self):
        lines = self.list("items").out.splitlines()
        self.assertIn("bürö-東京", "\n".join(lines))
        self.assertEqual({column_of(lines[0], "PROTECTION")}, {column_of(line, "Protected") for line in lines[1:]})

    def test_a_name_in_any_language(self):
        self.assertIn("bürö-東京", [one["vm"] for one in self.list_json("items")["items"]])
        self.assertEqual("bürö-東京", self.list_json("points", "bürö-東京")["vm"])
        lines = self.list("points", "bürö-東京").out.splitlines()
        self.assertEqual(column_of(lines[0], "POINT"), column_of(lines[1], "630000000000000030"))
        self.assertIn("vault vault2 protects no Azure VM named \"büro\"",
                      self.list("points", "büro", "-v", "vault2", code=NOT_FOUND).err)

    def test_json(self):
        document = self.list_json("items", "-s", TWO)
        self.assertEqual(["web01", "old01", "solo"], [one["vm"] for one in document["items"]])
        solo = document["items"][2]
        self.assertEqual({"id", "vm", "vm_resource_group", "vm_id", "vault", "resource_group", "subscription",
                          "container_name", "item_name", "protection_state", "last_backup_status", "last_backup_time",
                          "newest_point_time"}, set(solo))
        self.assertEqual(("VM;iaasvmcontainerv2;rg-web;solo", "IaasVMContainer;iaasvmcontainerv2;rg-web;solo"),
                         (solo["item_name"], solo["container_name"]))
        self.assertEqual("2026-11-20T03:00:00Z", solo["last_backup_time"])
        self.assertIsNone(self.list_json("items", "-v", "vault1", "-s", ONE)["items"][3]["last_backup_time"])

    def test_local_times(self):
        run = self.list("items", "-s", TWO, environment={"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"})
        self.assertIn("2026-11-20 04:00:00 +0100", run.out)

    def test_one_vault_asks_for_nothing_else(self):
        self.assertEqual(4, len(self.list_json("items", "-s", ONE, "-g", "rg-backup", "-v", "vault1")["items"]))
        self.assertEqual({"items_list"}, {r["call"] for r in self.requests()})

    def test_none(self):
        self.assertEqual("no Azure VM is protected there\n", self.list("items", "-v", "empty").out)
        self.assertEqual([], self.list_json("items", "-v", "empty")["items"])

    def test_forbidden(self):
        self.sim.set(forbidden_scopes=[vault_id(ONE, "vault1"), f"/subscriptions/{TWO}"])
        run = self.list("items", "--json")
        self.assertEqual(3, len(run.json["items"]))
        self.assertEqual(2, len(run.json["unreadable"]))
        self.sim.set(forbidden_scopes=[vault_id(ONE, "vault1"), vault_id(ONE, "vault2", "rg-other")])
        self.assertIn("none of the 2 places", self.list("items", "-s", ONE, code=AUTH).err)


class Points(Finding):
    def test_table(self):
        lines = self.list("points", "db01").out.splitlines()
        self.assertEqual("TIME AGE CONSISTENCY TIERS OS CAN BE OPENED POINT".split(), lines[0].split())
        self.assertRegex(lines[1], r"^2026-11-20 03:00:00 \+0000  \d+ \w+ old +AppConsistent +ArchivedRP +Linux +"
                                   r"no: archive tier +630000000000000020$")
        self.assertRegex(lines[2], r"no: encrypted source +630000000000000021$")
        self.assertRegex(lines[3], r"ArchivedRP \(Rehydrated\) +Linux +yes +630000000000000022$")

    def test_json(self):
        document = self.list_json("points", "db01")
        self.assertEqual({"vm", "item", "points"}, set(document))
        self.assertEqual("db01", document["vm"])
        self.assertEqual([(False, "archive tier"), (False, "encrypted source"), (True, None)],
                         [(one["openable"], one["reason"]) for one in document["points"]])
        solo = self.list_json("points", "solo")["points"][0]
        self.assertEqual(("CrashConsistent", "Windows", "2026-11-20T03:00:00Z", False),
                         tuple(solo[name] for name in ("type", "os_type", "time", "session_active")))
        self.assertTrue(solo["id"].endswith("/recoveryPoints/" + solo["name"]))

    def test_newest_first_over_pages(self):
        self.sim.set(page_size=1)
        times = [one["time"] for one in self.list_json("points", "web01", "-s", TWO)["points"]]
        self.assertEqual(sorted(times, reverse=True), times)
        self.assertEqual(4, len(times))

    def test_which_vm(self):
        self.assertEqual("solo", self.list_json("points", "-i", "solo")["vm"])
        self.assertIn("--vault-name", self.list("points", "web01", code=USAGE).err)
        self.assertIn("no Azure VM named", self.list("points", "nope", code=NOT_FOUND).err)
        self.assertEqual("new01 has no recovery point yet\n", self.list("points", "new01").out)
        self.assertEqual([], self.list_json("points", "new01")["points"])

    def test_points_of_another_machine_are_passed_over(self):
        other = next(p["id"] for p in self.sim.ready["recovery_points"] if p["vm"] == "app01")
        self.sim.set(raw={"calls": "points_list", "body": {"value": [
            {"id": other, "properties": {"recoveryPointTime": "2026-11-20T03:00:00Z"}}]}})
        self.assertIn("no recovery point", self.list("points", "solo").out)


ITEM = ("friendlyName", "virtualMachineId", "sourceResourceId", "protectionStatus", "protectionState", "healthStatus",
        "lastBackupStatus", "lastBackupTime", "lastRecoveryPoint", "protectedItemType", "backupManagementType",
        "workloadType", "containerName", "policyId", "extendedProperties")
POINT = ("isInstantIlrSessionActive", "recoveryPointTierDetails", "zones", "isManagedVirtualMachine", "recoveryPointType",
         "osType", "isSourceVMEncrypted", "objectType", "virtualMachineSize")


class Missing(Finding):
    """Nothing but ids and times is required of what the service tells (Recovery Services Backup REST reference)."""

    def test_points(self):
        self.sim.set(omit=list(POINT))
        found = self.list_json("points", "db01")["points"]
        self.assertEqual(3, len(found))
        for one in found:
            self.assertEqual((True, None, None, None, None, None), tuple(
                one[name] for name in ("openable", "reason", "type", "os_type", "tiers", "session_active")))
        line = self.list("points", "solo").out.splitlines()[1]
        self.assertRegex(line, r"old +- +- +- +yes +630000000000000040$")

    def test_what_only_the_list_lacks(self):
        self.sim.set(omit_in_lists=list(POINT))
        self.assertIsNone(self.list_json("points", "solo")["points"][0]["session_active"])
        self.assertFalse(self.find("solo").json["session_active"])
        self.assertIn("archive tier", self.find("db01", code=1).err)
        self.sim.set(omit_in_lists=[])
        self.assertIs(False, self.list_json("points", "solo")["points"][0]["session_active"])

    def test_items(self):
        self.sim.set(omit=list(ITEM))
        found = self.list_json("items", "-s", TWO)["items"]
        self.assertEqual(["web01", "old01", "solo"], [one["vm"] for one in found])
        self.assertEqual([None] * 5, [found[0][name] for name in (
            "vm_id", "protection_state", "last_backup_status", "last_backup_time", "newest_point_time")])
        self.assertEqual(["solo", "rg-web", "vault1", "rg-backup", "-", "-", "-"],
                         self.list("items", "-s", TWO).out.splitlines()[3].split())
        # a machine is what its names in the vault say
        self.assertTrue(self.find("solo").json["vm_id"].endswith("/resourceGroups/rg-web/providers/Microsoft.Compute/"
                                                                 "virtualMachines/solo"))

    def test_names_of_types_in_any_case(self):
        for case in ("lower", "upper"):
            self.sim.set(type_case=case)
            self.assertEqual(3, len(self.list_json("items", "-s", TWO)["items"]))
            self.assertEqual(3, len(self.list_json("points", "db01")["points"]))
            self.find("solo")


class Command(Finding):
    def test_usage(self):
        for arguments in ((), ("things",), ("vaults", "x"), ("items", "x"), ("items", "-i", "x"), ("points",),
                          ("points", "a", "b"), ("vaults", "--at", "now")):
            self.assertIn("azilr: ", self.list(*arguments, code=USAGE).err)
        self.assertEqual([], self.requests())
        out = self.list("--help").out
        self.assertIn("azilr list points VM", out)
        self.assertIn("-v, --vault-name NAME", out)

    def test_needs_no_root(self):
        if os.geteuid() != 0:
            self.skipTest("is not root anyway")
        # what the tests made for root alone is given away, and only that
        os.chmod(self.sim.folder, 0o755)
        token = os.path.join(self.sim.folder, "token.nobody")
        with open(token, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), 0o600)
            os.fchown(out.fileno(), 65534, 65534)
            out.write(self.sim.read("token"))
        os.chmod(os.path.dirname(self.config), 0o755)
        sign_in = [token if one == self.sim.ready["token_file"] else one for one in self.sign_in()]
        # the build may lie where only root can go
        program = shutil.copy(os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr"), os.path.dirname(self.config))
        run = self.run_program([program, "list"], ["vaults", *sign_in], sign_in=False, user=65534, group=65534,
                               extra_groups=[])
        self.assertIn("vault2", run.out)

    def test_standard_error_is_silent_where_it_is_no_terminal(self):
        self.assertEqual("", self.list("vaults").err)

    def is_bounded(self, *arguments, seconds=1, **more):
        run = self.list(*arguments, "--timeout", str(seconds), "--json", code=NETWORK, **more)
        self.assertIn("the time limit is over", run.json["error"]["message"])
        self.assertLess(run.seconds, seconds + 15)

    def test_timeout_of_the_sign_in(self):
        secret = {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"],
                  "AZURE_CLIENT_SECRET": self.sim.read("client-secret")}
        where = ("vaults", "--endpoint", self.sim.ready["arm"], "--authority", self.sim.ready["authority"],
                 "--ca-file", self.sim.ready["ca"])
        self.sim.set(throttle={"calls": "token", "times": -1, "retry_after": 30})
        self.is_bounded(*where, sign_in=False, environment=secret)
        self.sim.set(throttle=None)
        self.delay("token")
        self.is_bounded(*where, sign_in=False, environment=secret)
        self.undelay()

    def test_timeout_of_many_pages(self):
        """Each page comes quickly enough; all of them together do not."""
        self.sim.set(page_size=1, delay_ms={"calls": "items_list", "times": -1, "ms": 700})
        self.is_bounded("items", seconds=2)
        self.sim.set(delay_ms=None)
        time.sleep(1)

    def test_timeout(self):
        for kind, call in ((("vaults",), "vaults_list"), (("items",), "items_list"), (("points", "solo"), "points_list")):
            self.delay(call)
            run = self.list(*kind, "--timeout", "1", "--json", code=NETWORK)
            self.assertIn("the time limit is over", run.json["error"]["message"])
            self.assertIn("--timeout", run.json["error"]["hint"])
        self.undelay()
        self.sim.set(throttle={"calls": "vaults_list", "times": -1, "retry_after": 30})
        self.is_bounded("vaults")
        self.sim.set(throttle=None, html={"calls": "items_list", "times": -1, "status": 502})
        self.is_bounded("items")
        self.sim.set(html=None)
        self.list("vaults", "--timeout", "60")
        self.write_config("timeout = 0\n")
        self.assertIn("--timeout takes seconds, from 1", self.list("vaults", code=USAGE).err)

    def test_service_trouble(self):
        self.sim.set(html={"calls": "vaults_list", "times": -1, "status": 400})
        run = self.list("vaults", code=NETWORK)
        self.assertEqual("", run.out)


class Many(Finding):
    """As many recovery points as there can be: 9,999 a machine, says Azure Backup's support matrix."""
    COUNT = 10000

    @staticmethod
    def configuration():
        start = datetime(1999, 1, 1, tzinfo=timezone.utc)
        times = [(start + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ") for number in range(Many.COUNT)]
        return {"subscriptions": [{"id": ONE, "vaults": [{"name": "vault1", "items": [
            {"vm": "big", "recovery_points": [point(number, when) for number, when in enumerate(times)]}]}]}]}

    def listed(self):
        before = time.monotonic()
        document = self.list_json("points", "big")
        seconds = time.monotonic() - before
        self.assertEqual(self.COUNT, len(document["points"]))
        self.assertEqual(f"{630000000000000000 + self.COUNT - 1}", document["points"][0]["name"])
        return seconds

    def test_on_one_page_and_on_many(self):
        for size, pages in ((0, 1), (1000, 10), (20, 500)):
            self.sim.set(page_size=size)
            before = len(self.requests("points_list"))
            self.listed()
            self.assertEqual(pages, len(self.requests("points_list")) - before)
        with open(os.path.join(sys.modules["__main__"].BUILD, "azilr"), "rb") as program:
            factor = 5 if b"__asan_init" in program.read() else 1  # the sanitizer's own memory
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(used, factor * 160 * 1024)

    def test_the_table_too(self):
        self.sim.set(page_size=500)
        self.assertEqual(self.COUNT + 1, len(self.list("points", "big").out.splitlines()))

    def test_one_of_them_is_found_by_its_time(self):
        self.sim.set(page_size=100)
        self.assertEqual("2010-06-15T00:00:00Z", self.find("big", "--at", "2010-06-15 00:00").json["time"])
        self.assertEqual(1, len(self.requests("points_list")))


if __name__ == "__main__":
    main(sys.argv)
