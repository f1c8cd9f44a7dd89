#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which recovery point `azilr mount` chooses: tests/native/find_test.py BUILD"""
import http.server
import json
import os
import re
import shlex
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from arm_support import AUTH, NETWORK, NOT_FOUND, USAGE, main  # noqa: E402
from find_support import ONE, THREE, TWO, Finding, vault_id  # noqa: E402

FAILED, HOST = 1, 8
VAULT = ("-s", ONE, "-g", "rg-backup", "-v", "vault1")


class FirstTokenOnly:
    """A metadata service that gives one token and then refuses."""

    def __init__(self, token):
        given = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                good = self.headers.get("Metadata") == "true" and not given
                given.extend([1] if good else [])
                text = json.dumps({"access_token": token, "expires_in": "3600", "token_type": "Bearer"} if good else {})
                self.send_response(200 if good else 400)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *arguments):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *problem):
        self.server.shutdown()
        self.server.server_close()


class ByName(Finding):
    def test_a_name_alone(self):
        run = self.find("solo")
        self.assertEqual(("solo", "vault1", "2026-11-20T03:00:00Z"), tuple(run.json[n] for n in ("vm", "vault", "time")))
        self.assertIn(f"/subscriptions/{TWO}/", run.json["id"])
        self.assertTrue(run.json["vm_id"].endswith("/virtualMachines/solo"))
        self.assertRegex(run.err, r"Finding the recovery point: solo of 2026-11-20T03:00:00Z, \d+ (minutes|hours|days) old")

    def test_the_item_is_read_once(self):
        """Its list has said which machine it is of."""
        for arguments in (("solo",), ("solo", "--point", "630000000000000040")):
            run = self.find(*arguments)
            self.assertTrue(run.json["vm_id"].endswith("/virtualMachines/solo"))
        self.assertEqual([], self.requests("item_get"))

    def test_any_case(self):
        self.assertEqual("10", self.found("APP01"))

    def test_pages_everywhere(self):
        self.sim.set(page_size=1)
        self.assertEqual("10", self.found("app01"))
        self.assertEqual(3, len(self.requests("subscriptions_list")))
        self.assertEqual(2, len(self.requests("points_list")))

    def test_only_where_the_options_say(self):
        self.assertEqual("3", self.found("web01", *VAULT))
        self.assertEqual([], self.requests("subscriptions_list") + self.requests("vaults_list"))
        self.assertEqual("3", self.found("web01", "-s", TWO))
        self.assertEqual([], self.requests("subscriptions_list"))
        self.find("solo", "-g", "RG-BACKUP", "-v", "VAULT1")
        self.find("app01", "-s", ONE, "-g", "rg-backup")

    def test_environment_narrows(self):
        self.assertEqual("3", self.found("web01", environment={"AZURE_SUBSCRIPTION_ID": TWO}))
        self.find("app01", environment={"AZURE_SUBSCRIPTION_ID": TWO}, code=NOT_FOUND)

    def test_candidates_say_how_to_tell_them_apart(self):
        run = self.find("web01", code=USAGE)
        self.assertIn("4 backups are of a machine named web01", run.err)
        lines = re.findall(r"^  (--.*)$", run.err, re.M)
        self.assertEqual(4, len(lines), run.err)
        ids = set()
        for line in lines:
            options = shlex.split(line)
            self.assertLessEqual(len(options), 4, line)
            ids.add(self.find("web01", *options).json["id"])
        self.assertEqual(4, len(ids))

    def test_one_option_does_where_one_tells_apart(self):
        run = self.find("web01", "-s", ONE, "-g", "rg-other", code=USAGE)
        self.assertIn("\n  --container-name 'IaasVMContainer;iaasvmcontainerv2;rg-a;web01'\n", run.err)

    def test_names_as_the_az_command_takes_them(self):
        item = "VM;iaasvmcontainerv2;rg-b;WEB01"
        for options in (("--item-name", item), ("-i", item.lower()), ("-i", "iaasvmcontainerv2;rg-b;web01"),
                        ("-c", "IaasVMContainer;iaasvmcontainerv2;rg-b;WEB01"), ("-c", "iaasvmcontainerv2;RG-B;web01"),
                        ("--container-name", "iaasvmcontainerv2;rg-b;web01", "--item-name", "web01")):
            self.assertIn(";rg-b;WEB01/recoveryPoints/", self.find("-g", "rg-other", *options).json["id"])
        self.assertIn(";rg-b;", self.find(item).json["id"])
        self.find("-i", "VM;iaasvmcontainerv2;rg-b;WEB01", "-c", "iaasvmcontainerv2;rg-a;web01", code=NOT_FOUND)
        self.assertEqual("2", self.found("-g", "rg-backup", "-v", "vault1", "-s", ONE, "-c", "web01", "-i", "web01",
                                         "-r", "630000000000000002"))

    def test_unknown_names(self):
        run = self.find("nope", *VAULT, code=NOT_FOUND)
        self.assertIn('vault vault1 protects no Azure VM named "nope"; there are: web01, db01, app01, new01', run.err)
        run = self.find("nope", code=NOT_FOUND)
        self.assertIn("the vaults that this identity can see protect no Azure VM named", run.err)
        self.assertIn("no Azure VM", self.find("web01", "-v", "empty", code=NOT_FOUND).err)
        self.assertIn("no Azure VM", self.find("web01", "-s", THREE, code=NOT_FOUND).err)
        self.assertIn("no Azure VM", self.find("web01", "-g", "rg-nowhere", code=NOT_FOUND).err)
        self.assertIn("no Azure VM", self.find("web01", "-v", "nowhere", code=NOT_FOUND).err)
        for options, part in ((("-s", ONE, "-g", "rg-backup", "-v", "nope"), "ResourceNotFound"),
                              (("-s", ONE, "-g", "rg-nope"), "ResourceGroupNotFound"),
                              (("-s", THREE[:-1] + "9"), "SubscriptionNotFound")):
            self.assertIn(part, self.find("web01", *options, code=NOT_FOUND).err)

    def test_no_recovery_point(self):
        self.assertIn("new01 has no recovery point in vault vault1", self.find("new01", code=NOT_FOUND).err)
        self.assertIn("new01 has no recovery point", self.find("new01", "--at", "now", code=NOT_FOUND).err)

    def test_impossible_options(self):
        for options, part in ((("-s", "first"), "--subscription takes the subscription's id"),
                              (("-g", "a/b"), '--resource-group cannot be "a/b"'),
                              (("-s", ONE, "-g", "..", "-v", "v"), '--resource-group cannot be ".."'),
                              (("-s", ONE, "-g", "g", "-v", "v?x"), "--vault-name cannot be")):
            self.assertIn(part, self.find("web01", *options, code=USAGE).err)
        self.assertEqual([], [r for r in self.requests() if r["call"] != "subscriptions_list"])

    def test_a_next_page_elsewhere(self):
        self.sim.set(page_size=1, wrong_host_next=self.sim.ready["trap_host"])
        self.assertIn(self.sim.ready["trap_host"], self.find("web01", code=NETWORK).err)

    def test_lists_without_end(self):
        arm = self.sim.ready["arm"]
        same = f"{arm}/subscriptions/{ONE}/providers/x?api-version=1"
        self.sim.set(raw={"times": -1, "body": {"value": [], "nextLink": same}})
        self.assertIn("does not end", self.find("web01", code=NETWORK).err)
        self.assertLess(len(self.requests()), 5)

    def test_what_is_not_of_the_vault_is_passed_over(self):
        other = {"id": vault_id(TWO, "vault1") + "/backupFabrics/Azure/protectionContainers/IaasVMContainer;"
                 "iaasvmcontainerv2;rg-x;evil/protectedItems/VM;iaasvmcontainerv2;rg-x;evil", "properties": {}}
        self.sim.set(raw={"calls": "items_list", "body": {"value": [other, 7, None, {}, {"id": "x"}]}})
        self.assertIn("protects no Azure VM", self.find("evil", *VAULT, code=NOT_FOUND).err)


class Unreadable(Finding):
    def test_a_vault_does_not_hide_the_others(self):
        self.sim.set(forbidden_scopes=vault_id(ONE, "vault1"))
        run = self.find("solo")
        self.assertIn(f"vault vault1 in resource group rg-backup of subscription {ONE} cannot be looked into", run.err)
        self.assertEqual("solo", run.json["vm"])

    def test_a_subscription_does_not_hide_the_others(self):
        self.sim.set(forbidden_scopes=f"/subscriptions/{ONE}")
        self.assertIn(f"subscription {ONE} cannot be looked into", self.find("solo").err)

    def test_what_was_not_seen_is_said_where_nothing_is_found(self):
        self.sim.set(forbidden_scopes=vault_id(ONE, "vault1"))
        run = self.find("app01", code=NOT_FOUND)
        self.assertIn("(1 place that was warned of could not be looked into)", run.err)

    def test_nothing_readable_is_a_matter_of_permission(self):
        self.sim.set(forbidden=["items_list"])
        run = self.find("app01", "-s", ONE, code=AUTH)
        self.assertIn("2 places that were warned of could not be looked into", run.err)
        run = self.find("app01", *VAULT, code=AUTH)
        self.assertIn("Microsoft.RecoveryServices/Vaults/backupProtectedItems/read", run.err)
        self.assertIn("hint: the identity lacks the action", run.err)

    def test_no_subscription(self):
        self.sim.set(raw={"calls": "subscriptions_list", "body": {"value": []}})
        self.assertIn("sees no subscription", self.find("app01", code=AUTH).err)

    def test_an_odd_place_does_not_hide_the_others(self):
        for calls, where in (("items_list", f"vault vault1 in resource group rg-backup of subscription {ONE}"),
                             ("vaults_list", f"subscription {ONE}")):
            for status, code in ((409, "Conflict"), (400, "Odd"), (501, "NotImplemented")):
                self.sim.set(error={"calls": calls, "status": status, "code": code})
                run = self.find("solo")
                self.assertIn(f"{where} cannot be looked into", run.err)
                self.assertIn(code, run.err)
                self.sim.set(error={"calls": calls, "status": status, "code": code})
                self.assertIn("(1 place that was warned of could not be looked into)", self.find("nope", code=NOT_FOUND).err)

    def test_a_failing_service_is_passed_over_after_the_retries(self):
        self.sim.set(html={"calls": "items_list", "times": 3, "status": 502})
        self.assertIn("answered 502 (Bad Gateway)", self.find("solo").err)

    def test_nothing_but_trouble_is_the_services(self):
        self.sim.set(error={"calls": "items_list", "times": -1, "status": 400, "code": "Odd"})
        run = self.find("solo", "-s", ONE, code=NETWORK)
        self.assertIn("2 places that were warned of could not be looked into", run.err)
        self.assertIn("answered 400 (Bad Request): Odd", run.err.split("protect no Azure VM", 1)[1])
        run = self.list("items", "-s", ONE, code=NETWORK)
        self.assertIn("none of the 2 places to look in could be looked into", run.err)
        self.assertNotIn("needs a role", run.err)

    def test_the_one_place_that_is_named_is_not_passed_over(self):
        self.sim.set(error={"calls": ["items_list", "vaults_list"], "times": -1, "status": 409, "code": "Odd"})
        self.assertIn("cannot list what vault vault1 protects", self.find("web01", *VAULT, code=NETWORK).err)
        self.assertIn(f"cannot list the vaults of subscription {ONE}", self.find("web01", "-s", ONE, code=NETWORK).err)

    def test_a_subscription_without_recovery_services_is_empty(self):
        self.sim.set(error={"calls": "vaults_list", "times": 3, "status": 409, "code": "MissingSubscriptionRegistration"})
        run = self.find("solo", code=NOT_FOUND)
        self.assertNotIn("looked into", run.err)
        self.sim.set(error={"calls": "vaults_list", "status": 409, "code": "MissingSubscriptionRegistration"})
        self.assertNotIn("looked into", self.find("solo").err)

    def test_no_token_any_more_ends_the_search(self):
        """A second sign-in that fails is no trouble of the place that needed it."""
        with FirstTokenOnly(self.sim.read("token")) as address:
            self.sim.set(raw={"calls": "vaults_list", "status": 401, "body": ""})
            run = self.find("solo", "--auth", "managed-identity", "--endpoint", self.sim.ready["arm"], "--ca-file",
                            os.path.join(self.sim.folder, "ca.pem"), code=AUTH, sign_in=False,
                            environment={"AZURE_POD_IDENTITY_AUTHORITY_HOST": address})
        self.assertIn("cannot sign in with the managed identity", run.err)
        self.assertNotIn("cannot be looked into", run.err)
        self.assertEqual(1, len(self.requests("vaults_list")))


class ByTime(Finding):
    def test_newest_at_or_before(self):
        for at, expected in (("2026-11-20T03:00:00Z", "3"), ("2026-11-20T02:59:59Z", "2"), ("2026-11-19 15:00", "2"),
                             ("2026-11-19 14:59", "1"), ("2026-11-19", "2"), ("2026-11-18", "1"),
                             ("2026-11-20T04:00:00+02:00", "2"), ("2026-11-18T02:59:59Z", "4"), ("2026-06-01", "4"),
                             ("9999-12-31", "3")):
            self.assertEqual(expected, self.found("web01", *VAULT, "--at", at), at)

    def test_local_is_local(self):
        berlin = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
        self.assertEqual("2", self.found("web01", *VAULT, "--at", "2026-11-20 03:59", environment=berlin))
        self.assertEqual("3", self.found("web01", *VAULT, "--at", "2026-11-20 04:00", environment=berlin))

    def test_words(self):
        self.assertEqual("4", self.found("web01", *VAULT, "--at", "2026-11-18 02:00"))
        self.assertIn("no moment that is understood", self.find("web01", "--at", "teatime", code=USAGE).err)
        self.assertIn("before 1970", self.find("web01", "--at", "99999 weeks ago", code=USAGE).err)
        self.assertEqual([], self.requests("subscriptions_list"))

    def test_the_line_says_which_and_how_old(self):
        run = self.find("web01", *VAULT, "--at", "2026-11-19")
        self.assertRegex(run.err, r"Finding the newest recovery point at or before 2026-11-19 23:59:59 \+0000: "
                                  r"web01 of 2026-11-19T15:00:00Z, \d+ \w+ old")

    def test_all_points_are_newer(self):
        run = self.find("web01", *VAULT, "--at", "2026-05-31", code=NOT_FOUND)
        self.assertIn("no recovery point at or before 2026-05-31 23:59:59 +0000: the oldest of its 4 is of "
                      "2026-06-01 03:00:00 +0000", run.err)

    def test_only_the_weeks_before_are_asked_for_first(self):
        self.assertEqual("50", self.found("old01", "--at", "2024-03-01 15:00"))
        asked = [r["query"] for r in self.requests("points_list")]
        self.assertEqual(1, len(asked))
        self.assertIn("startDate%20eq%20%272024-02-02%2003%3A00%3A00%20PM%27%20and%20"
                      "endDate%20eq%20%272024-03-02%2003%3A00%3A00%20PM%27", asked[0])

    def test_a_moment_to_come_is_the_newest(self):
        self.assertEqual("50", self.found("old01", "--at", "9999-12-31T23:59:59Z"))
        self.assertNotIn("filter", self.requests("points_list")[0]["query"])

    def test_a_service_that_does_not_heed_the_range(self):
        self.sim.set(raw={"calls": "points_list", "body": {"value": []}})
        self.assertEqual("51", self.found("old01", "--at", "2024-02-29"))
        self.assertEqual(2, len(self.requests("points_list")))


class ByPoint(Finding):
    def test_name(self):
        for option in ("--point", "--rp-name", "-r"):
            self.assertEqual("1", self.found("web01", *VAULT, option, "630000000000000001"))
        self.assertEqual([], self.requests("points_list"))

    def test_id(self):
        ident = next(p["id"] for p in self.sim.ready["recovery_points"] if p["vm"] == "solo")
        self.assertEqual(ident, self.find(ident).json["id"])
        self.assertEqual(ident, self.find("--point", ident).json["id"])
        self.assertEqual(ident, self.find("solo", "--point", ident).json["id"])
        self.assertIn("is of solo, not of web01", self.find("web01", "--point", ident, code=USAGE).err)
        self.assertEqual([], self.requests("items_list"))

    def test_unknown(self):
        run = self.find("web01", *VAULT, "--point", "630000000000000009", code=NOT_FOUND)
        self.assertIn("hint: the recovery point has expired", run.err)

    def test_what_does_not_go_together(self):
        ident = self.sim.ready["recovery_points"][0]["id"]
        for arguments, part in ((("web01", "--at", "now", "--point", "1"), "exclude each other"),
                                ((ident, "--at", "now"), "neither with --at"), ((ident, "--point", "1"), "nor with"),
                                (("--point", "1"), "needs the VM's name"), (("web01", "--point", "a/b"), "ARM id"),
                                ((), "no VM or recovery point"),
                                (("web01", *VAULT, "--point", "a?b"), "is not the id of a recovery point")):
            self.assertIn(part, self.find(*arguments, code=USAGE).err)
        self.assertEqual([], self.requests("point_get"))

    def test_what_cannot_be_opened_is_refused(self):
        for options, part in (((), "archive tier"), (("--at", "2026-11-19"), "Azure Disk Encryption"),
                              (("-r", "630000000000000021"), "Azure Disk Encryption")):
            self.assertIn(part, self.find("db01", *options, code=FAILED).err)
        self.assertEqual("22", self.found("db01", "--at", "2026-11-18"))
        self.assertEqual([], self.requests("provision"))


class Defaults(Finding):
    def test_file(self):
        self.write_config(f"# where we keep them\n\n  vault-name = vault1\nsubscription={TWO}\r\n")
        self.assertIn(TWO, self.find("web01").json["id"])

    def test_precedence(self):
        self.write_config(f"subscription = {ONE}\nresource-group = rg-none\n")
        variables = {"AZILR_SUBSCRIPTION": TWO, "AZURE_SUBSCRIPTION_ID": THREE, "AZILR_RESOURCE_GROUP": "rg-backup"}
        self.assertIn(TWO, self.find("web01", environment=variables).json["id"])
        run = self.find("web01", "-s", ONE, environment=variables)
        self.assertIn(ONE, run.json["id"])
        del variables["AZILR_SUBSCRIPTION"]
        self.assertIn(THREE, self.find("web01", environment=variables, code=NOT_FOUND).err)
        # an empty variable says nothing
        self.assertIn("rg-none", self.find("web01", environment={"AZILR_RESOURCE_GROUP": ""}, code=NOT_FOUND).err)

    def test_sign_in_by_file(self):
        options = iter(self.sign_in())
        self.write_config("".join(f"{name[2:]} = {value}\n" for name, value in zip(options, options)))
        self.find("solo", sign_in=False)

    def test_mistakes_are_named_with_their_line(self):
        for text, part in (("vault-name = a\nvualt-name = b\n", 'line 2: there is no setting "vualt-name"'),
                           ("\n\nnonsense\n", 'line 3: it is no "name = value"'),
                           ("vault-name =\n", "line 1: it has no value"), ("= x", "line 1: it has no name"),
                           ("timeout = 5\ntimeout = 5\n", "line 2: timeout was given before"),
                           ("script = /x\n", "there is no setting"), ("json = yes\n", "there is no setting"),
                           ("password-file = /x\n", "there is no setting"), ("client-secret = x\n", "no setting"),
                           ("vault-name = a\x1b[2J\n", "line 1: it holds control characters"),
                           ("vault-name = a\0b\n", "it is not a text file"), ("#" * 70000, "larger than")):
            self.write_config(text)
            err = self.find("web01", code=USAGE).err
            self.assertIn(part, err)
            self.assertIn(self.config, err)
        self.assertEqual([], self.requests())

    def test_values_are_checked_as_options_are(self):
        self.write_config("subscription = first\n")
        self.assertIn("takes the subscription's id", self.find("web01", code=USAGE).err)
        self.write_config("")
        err = self.find("web01", environment={"AZILR_VAULT_NAME": "a\nb"}, code=USAGE).err
        self.assertIn("AZILR_VAULT_NAME must not be empty or hold control characters", err)

    def test_a_file_that_others_can_change_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root is that careful")
        for mode in (0o664, 0o646):
            self.write_config("", mode)
            self.assertIn("can be changed by others than root", self.find("web01", code=HOST).err)
        self.write_config("")
        os.chown(self.config, 65534, 0)
        self.assertIn("can be changed by others than root", self.find("web01", code=HOST).err)

    def test_no_file(self):
        os.unlink(self.config)
        self.assertIn("cannot open", self.find("web01", code=NOT_FOUND).err)
        os.mkfifo(self.config)
        self.assertIn("not a regular file", self.find("web01", code=HOST).err)


if __name__ == "__main__":
    main(sys.argv)
