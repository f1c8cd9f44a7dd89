/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "script/script.h"
#include "util/buffer.h"
#include "util/json.h"
#include "util/str.h"

#define RESOURCE "1234567890123456789"
#define GUID "00000000-1111-4222-8333-444444444444"
#define GUID_DIGITS "00000000111142228333444444444444"
#define PASSWORD "0123456789abcde"
#define INITIATOR_SECRET "fedcba98765432"
#define IQN "iqn.2016-01.microsoft.azure.backup:" RESOURCE "-11-22-33.636000000000000001"
#define NAME "web01_weu_" RESOURCE "_636000000000_" GUID_DIGITS PASSWORD INITIATOR_SECRET

/* The values, one a line, with `in` before each; the shape in which the service writes them. */
#define VALUES(in)                                                                                                     \
    in "VMName=\"iaasvmcontainerv2;rg-web;web01\"\n" in "MachineName=\"web01\"\n" in                                   \
       "TargetPortalAddress=\"pod01-rec2.weu.backup.windowsazure.com\"\n" in "TargetPortalPortNumber=\"3260\"\n" in    \
       "TargetNodeAddress=\"" IQN "\"\n" in "InitiatorChapPassword=\"" INITIATOR_SECRET "\"\n" in "ScriptId=\"" GUID   \
       "\"\n" in "TargetUserName=\"" RESOURCE "-" GUID "\"\n" in "TargetPassword=\"UserInput012345\"\n" in             \
       "IsMultiTarget = \"1\"\n" in "IsPEEnabled = \"0\"\n" in "IsLargeDisk = \"False\"\n"

/* As the real one: code that uses the same names, a tab and blanks mixed, the values last. */
static const char python[] = "#!/usr/bin/python\n"
                             "import os\n"
                             "def tunnel(args):\n"
                             "    MinPort=int(sys.argv[4])\n"
                             "    TargetPortalAddress=sys.argv[6]\n"
                             "def run(ilr_params):\n"
                             "    TargetUserName = ilr_params['TargetUserName']\n"
                             "    if TargetPassword == \"UserInput012345\":\n"
                             "        TargetPassword=ask(\"password: \")\n"
                             "if __name__ == \"__main__\":\n"
                             "    else:\n" VALUES("    \t") "        main(sys.argv[1:])\n";

static const char shell[] = "#!/bin/bash\n"
                            "MinPort=5365\n"
                            "VMName=\"iaasvmcontainerv2;rg-web;web01\"\n"
                            "MachineName=web01\n"
                            "TargetPortalAddress='pod01-rec2.weu.backup.windowsazure.com'\n"
                            "TargetPortalPortNumber=3260 # iSCSI\n"
                            "TargetNodeAddress=\"" IQN "\";\n"
                            "TargetUserName=\"" RESOURCE "-" GUID "\"\n"
                            "TargetPassword='pa$sw`or&d01234'\n"
                            "logfolder=\"${scriptdirectory}/${MachineName}\"\n"
                            "if [ \"$TargetPassword\" == \"UserInput012345\" ]; then\n"
                            "    TargetPassword=$1\n"
                            "fi\n";

static const char windows[] = "User - " RESOURCE "-" GUID " , Target - Owner=" RESOURCE ",Name=" RESOURCE
                              "-11-22-33,Expiry=9/7/2026 3:24:24 AM, Sequence = 636000000000000001\r\n";

static int parse(const char *text, const char *name, struct connection *connection, struct error **err)
{
    return script_parse(text, strlen(text), name, "backup.windowsazure.com", connection, err);
}

static void assert_common(const struct connection *connection)
{
    assert_string_equal(connection->portal_host, "pod01-rec2.weu.backup.windowsazure.com");
    assert_int_equal(connection->portal_port, 3260);
    assert_string_equal(connection->target, IQN);
    assert_string_equal(connection->chap_user, RESOURCE "-" GUID);
    assert_string_equal(connection->machine, "web01");
}

static void python_scripts_are_read(void **state)
{
    _cleanup_connection_ struct connection connection = {0};

    (void)state;
    assert_int_equal(parse(python, NULL, &connection, NULL), 0);
    assert_common(&connection);
    assert_int_equal(connection.format, SCRIPT_PY);
    assert_string_equal(connection.vm, "iaasvmcontainerv2;rg-web;web01");
    assert_string_equal(connection.script_id, GUID);
    assert_true(connection.multi_target);
    assert_false(connection.private_endpoint);
    assert_false(connection.large_disk);
    assert_false(connection.secret_known);
    assert_null(connection.password);
    assert_string_equal(connection.initiator_secret, INITIATOR_SECRET);
}

static void shell_scripts_are_read(void **state)
{
    _cleanup_connection_ struct connection connection = {0};

    (void)state;
    assert_int_equal(parse(shell, NULL, &connection, NULL), 0);
    assert_common(&connection);
    assert_int_equal(connection.format, SCRIPT_SH);
    assert_null(connection.script_id);
    assert_true(connection.secret_known);
    assert_string_equal(connection.password, "pa$sw`or&d01234");
}

static void a_windows_machines_portal_is_the_clouds(void **state)
{
    static const char *const domains[] = {"backup.windowsazure.us", "backup.windowsazure.cn"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        _cleanup_connection_ struct connection connection = {0};
        _cleanup_free_ char *expected = str_printf("pod01-rec2.weu.%s", domains[i]);

        assert_int_equal(script_parse(windows, strlen(windows), NAME, domains[i], &connection, NULL), 0);
        assert_string_equal(connection.portal_host, expected);
        assert_int_equal(script_check_portal_domain(&connection, NULL), 0);
    }
}

static void windows_entries_are_read(void **state)
{
    static const char *const names[] = {NAME, NAME ".txt", "largedisk_0_web01_1_weu_" RESOURCE "_636000000000_x.TXT"};
    struct connection connection;
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(parse(windows, names[i], &connection, NULL), 0);
        assert_common(&connection);
        assert_int_equal(connection.format, SCRIPT_TXT);
        assert_int_equal(connection.secret_known, i < 2);
        connection_clear(&connection);
    }
    assert_int_equal(parse(windows, "renamed.txt", &connection, &err), -1);
    assert_error(err, EXIT_USAGE, "region");
    connection_clear(&connection);
}

static void the_password_comes_out_of_the_name(void **state)
{
    static const struct {
        const char *name;
        bool known;
    } table[] = {
        {NAME, true},
        {NAME ".py", true},
        {"largedisk_0_" NAME, true},
        {"web01_1_weu_" RESOURCE "_636000000000_" GUID_DIGITS PASSWORD INITIATOR_SECRET ".sh", true},
        {GUID_DIGITS PASSWORD INITIATOR_SECRET, false}, /* without an underscore it is no such name */
        {"web01_weu_" RESOURCE "_636000000000_" GUID_DIGITS INITIATOR_SECRET ".py", false},
        {"web01_weu_" RESOURCE "_636000000000_" GUID_DIGITS "0123456789abcd" INITIATOR_SECRET ".py", false},
        {"web01_weu_" RESOURCE "_636000000000_" GUID_DIGITS "0123456789abcd " INITIATOR_SECRET, false},
        {"web01_weu_" RESOURCE "_636000000000_" GUID_DIGITS "0123456789abc\x1b[" INITIATOR_SECRET, false},
        {"script.py", false},
        {"_", false},
        {"", false},
        {".", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_connection_ struct connection connection = {0};

        assert_int_equal(parse(python, table[i].name, &connection, NULL), 0);
        assert_int_equal(connection.secret_known, table[i].known);
        if (table[i].known)
            assert_string_equal(connection.password, PASSWORD);
        else
            assert_null(connection.password);
    }
}

static void a_name_of_another_script_is_refused(void **state)
{
    _cleanup_connection_ struct connection connection = {0};
    struct error *err = NULL;

    (void)state;
    assert_int_equal(
        parse(python, "web01_weu_" RESOURCE "_636000000000_99999999111142228333444444444444" PASSWORD INITIATOR_SECRET,
              &connection, &err),
        -1);
    assert_error(err, EXIT_USAGE, "belongs to another script");
}

/* Each is put behind the values of a good script: it must change nothing, or be refused. */
static void only_plain_literals_count(void **state)
{
    static const char *const ignored[] = {
        "MachineName = \"a\" + \"b\"",
        "MachineName=\"a\" \"b\"",
        "MachineName=other",
        "MachineName=f\"{x}\"",
        "MachineName=r\"a\"",
        "MachineName=\"a\\x41\"",
        "MachineName=\"\"\"a\"\"\"",
        "MachineName=(\"a\")",
        "MachineName[0]=\"a\"",
        "MachineName == \"a\"",
        "MachineName += \"a\"",
        "MachineNames=\"a\"",
        "xMachineName=\"a\"",
        "# MachineName=\"a\"",
        "x; MachineName=\"a\"",
        "MachineName=\"a\"; x",
        "MachineName=\"a\"#b",
        "MachineName=\"a",
        "MachineName=\"\"",
        "MachineName=",
        "MachineName",
        "MachineName=\"a\x01\"",
        "MachineName=\"a\" if x else 1",
        "MachineName=a\"b\"",
        "MachineName = os.popen(\"id\")",
        "MachineName=-1",
        "print(\"MachineName=\\\"a\\\"\")",
        "machinename=\"a\"",
        "MachineName:str=\"a\"",
        "MachineName=1.5",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        _cleanup_connection_ struct connection connection = {0};
        _cleanup_free_ char *text = str_printf("%s%s\n", python, ignored[i]);
        struct error *err = NULL;

        if (parse(text, NULL, &connection, &err) < 0)
            fail_msg("%s: %s", ignored[i], err->message);
        assert_common(&connection);
    }
}

static void expansions_of_a_shell_are_no_literals(void **state)
{
    static const char *const ignored[] = {
        "MachineName=\"$x\"", "MachineName=\"`id`\"", "MachineName=$(id)", "MachineName=a$b",
        "MachineName=a;b",    "MachineName=a b",      "MachineName=a\\b",  "MachineName=\"a\"b",
        "MachineName=\"a\"#", "export MachineName=a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        _cleanup_connection_ struct connection connection = {0};
        _cleanup_free_ char *text = str_printf("%s%s\n", shell, ignored[i]);
        struct error *err = NULL;

        if (parse(text, NULL, &connection, &err) < 0)
            fail_msg("%s: %s", ignored[i], err->message);
        assert_common(&connection);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *line, *message;
    } table[] = {
        {"MachineName=\"other\"", "MachineName two different values"},
        {"TargetPassword=\"0123456789abcd\"", "TargetPassword two different values"},
        {"TargetPortalPortNumber = 3261", "TargetPortalPortNumber two different values"},
        {"IsLargeDisk = \"True\"", "IsLargeDisk two different values"},
    };
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_connection_ struct connection connection = {0};
        _cleanup_free_ char *text = str_printf("%s%s\n", python, table[i].line);

        assert_int_equal(parse(text, NULL, &connection, &err), -1);
        assert_error(err, EXIT_USAGE, table[i].message);
    }
    {
        _cleanup_connection_ struct connection connection = {0};
        _cleanup_free_ char *twice = str_printf("%sMachineName='web01'\nTargetPortalPortNumber = 3260\n", python);

        assert_int_equal(parse(twice, NULL, &connection, NULL), 0);
    }
}

/* A whole script in which one value is given as `value`. */
static char *with_value(const char *name, const char *value)
{
    static const struct {
        const char *name, *value;
    } good[] = {
        {"TargetPortalAddress", "pod01-rec2.weu.backup.windowsazure.com"},
        {"TargetPortalPortNumber", "3260"},
        {"TargetNodeAddress", IQN},
        {"TargetUserName", RESOURCE "-" GUID},
        {"TargetPassword", PASSWORD},
        {"VMName", "iaasvmcontainerv2;rg;vm"},
        {"MachineName", "web01"},
        {"ScriptId", GUID},
        {"IsPEEnabled", "1"},
    };
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(65536);
    char line[4096];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int length = snprintf(line, sizeof(line), "%s='%s'\n", good[i].name,
                              str_equal(good[i].name, name) ? value : good[i].value);

        assert_int_equal(buffer_append(&text, line, (size_t)length), 0);
    }
    return str_dup(buffer_text(&text));
}

static void values_are_checked_by_their_grammar(void **state)
{
#define LONG_LABEL "a123456789012345678901234567890123456789012345678901234567890123"
    static const struct {
        const char *name, *value;
    } bad[] = {
        {"TargetPortalAddress", "localhost"},
        {"TargetPortalAddress", "-a.example"},
        {"TargetPortalAddress", "a-.example"},
        {"TargetPortalAddress", "a..example"},
        {"TargetPortalAddress", "a.example."},
        {"TargetPortalAddress", "a.example:80"},
        {"TargetPortalAddress", "a.example/x"},
        {"TargetPortalAddress", "a b.example"},
        {"TargetPortalAddress", "a@b.example"},
        {"TargetPortalAddress", "\xc3\xa4.example"},
        {"TargetPortalAddress", LONG_LABEL ".example"},
        {"TargetPortalPortNumber", "0"},
        {"TargetPortalPortNumber", "65536"},
        {"TargetPortalPortNumber", "-1"},
        {"TargetPortalPortNumber", "3260x"},
        {"TargetPortalPortNumber", " 3260"},
        {"TargetPortalPortNumber", "99999999999999999999"},
        {"TargetNodeAddress", "eui.0123456789abcdef"},
        {"TargetNodeAddress", "iqn."},
        {"TargetNodeAddress", "iqn.2016-01."},
        {"TargetNodeAddress", "iqn.201-01.example:x"},
        {"TargetNodeAddress", "iqn.2016-1.example:x"},
        {"TargetNodeAddress", "iqn.2016-01.example:../x"},
        {"TargetNodeAddress", "iqn.2016-01.example:a..b"},
        {"TargetNodeAddress", "iqn.2016-01.example:a/b"},
        {"TargetNodeAddress", "iqn.2016-01.example:a b"},
        {"TargetNodeAddress", "iqn.2016-01.example:a,b"},
        {"TargetUserName", GUID},
        {"TargetUserName", "-" GUID},
        {"TargetUserName", "a;b-" GUID},
        {"TargetUserName", "a-" GUID "0"},
        {"TargetUserName", "a-00000000-1111-4222-8333-44444444444g"},
        {"TargetPassword", "0123456789abcd"},
        {"TargetPassword", "0123456789abcdef"},
        {"TargetPassword", "0123456789 bcde"},
        {"TargetPassword", "0123456789\"bcde"},
        {"TargetPassword", "0123456789\xc3\xa4 cde"},
        {"VMName", "a b"},
        {"VMName", "../x"},
        {"VMName", "a$b"},
        {"MachineName", "a\"b"},
        {"MachineName", "\xe2\x80\xae"
                        "a"},
        {"ScriptId", "0000"},
        {"ScriptId", "00000000-1111-4222-8333-4444444444444"},
        {"IsPEEnabled", "2"},
        {"IsPEEnabled", "yes"},
    };
    _cleanup_free_ char *good = with_value("none", "");
    struct connection connection;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(parse(good, "x.sh", &connection, NULL), 0);
    connection_clear(&connection);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _cleanup_free_ char *text = with_value(bad[i].name, bad[i].value);

        if (parse(text, "x.sh", &connection, &err) == 0)
            fail_msg("%s=%s was taken", bad[i].name, bad[i].value);
        if (strstr(err->message, bad[i].value) && strlen(bad[i].value) > 4)
            fail_msg("\"%s\" shows the value", err->message);
        assert_error(err, EXIT_USAGE, bad[i].name);
        connection_clear(&connection);
    }
}

static void names_have_a_longest_length(void **state)
{
    struct connection connection;
    char iqn[300];

    (void)state;
    for (size_t length = 222; length <= 225; length++) {
        _cleanup_free_ char *text = NULL;

        memset(iqn, 'a', sizeof(iqn));
        memcpy(iqn, "iqn.2016-01.a:", 14);
        iqn[length] = '\0';
        text = with_value("TargetNodeAddress", iqn);
        assert_int_equal(parse(text, "x.sh", &connection, NULL), length <= 223 ? 0 : -1);
        connection_clear(&connection);
    }
}

static void what_is_no_script_is_named(void **state)
{
    static const char *const all = "it has no TargetPortalAddress, TargetPortalPortNumber, TargetNodeAddress, "
                                   "TargetUserName";
    _cleanup_free_ char *cut = str_ndup(python, (size_t)(strstr(python, "TargetNodeAddress=\"") - python) + 30);
    _cleanup_free_ char *large = xcalloc(SCRIPT_MAX_SIZE + 2, 1);
    struct connection connection;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(parse("", NULL, &connection, &err), -1);
    assert_error(err, EXIT_USAGE, all);
    assert_int_equal(parse("#!/bin/sh\necho hello\n", "x.py", &connection, &err), -1);
    assert_error(err, EXIT_USAGE, all);
    assert_int_equal(parse("User - nobody", NAME, &connection, &err), -1);
    assert_error(err, EXIT_USAGE, "it has no TargetNodeAddress");
    assert_int_equal(parse(cut, NULL, &connection, &err), -1);
    assert_error(err, EXIT_USAGE, "it has no TargetNodeAddress, TargetUserName");
    connection_clear(&connection);

    memset(large, '\n', SCRIPT_MAX_SIZE + 1);
    assert_int_equal(script_parse(large, SCRIPT_MAX_SIZE + 1, NULL, "x.example", &connection, &err), -1);
    assert_error(err, EXIT_USAGE, "1048577 bytes");
    memcpy(large, python, sizeof(python) - 1);
    assert_int_equal(script_parse(large, SCRIPT_MAX_SIZE, NULL, "x.example", &connection, &err), 0);
    connection_clear(&connection);
    large[SCRIPT_MAX_SIZE - 1] = '\0';
    assert_int_equal(script_parse(large, SCRIPT_MAX_SIZE, NULL, "x.example", &connection, &err), -1);
    assert_error(err, EXIT_USAGE, "no text");
    connection_clear(&connection);
}

/* A file that went through Windows: line ends, byte order mark. */
static void line_ends_do_not_matter(void **state)
{
    _cleanup_free_ char *text = xcalloc(2 * sizeof(python) + 3, 1);
    struct connection connection;
    char *to = text + 3;

    (void)state;
    memcpy(text, "\xef\xbb\xbf", 3);
    for (const char *at = python; *at; at++) {
        if (*at == '\n')
            *to++ = '\r';
        *to++ = *at;
    }
    assert_int_equal(parse(text, NULL, &connection, NULL), 0);
    assert_common(&connection);
    assert_int_equal(connection.format, SCRIPT_PY);
    connection_clear(&connection);
}

static void a_cut_script_never_crashes(void **state)
{
    static const char *const scripts[] = {python, shell, windows};

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
        for (size_t length = 0; length < strlen(scripts[i]); length++) {
            _cleanup_connection_ struct connection connection = {0};

            script_parse(scripts[i], length, NAME, "x.example", &connection, NULL);
        }
}

static void portals_outside_azure_are_told(void **state)
{
    static const struct {
        const char *host;
        bool good;
    } table[] = {
        {"pod01-rec2.weu.backup.windowsazure.com", true},
        {"POD01-REC2.WEU.BACKUP.WINDOWSAZURE.COM", true},
        {"pod01-rec2.x.backup.windowsazure.us", true},
        {"pod01-rec2.x.backup.windowsazure.cn", true},
        {"pod01-rec2.x.backup.windowsazure.de", true},
        {"g-pod01-rec2.x.privatelink.backup.windowsazure.com", true},
        {"pod01.backup.windowsazure.com.example.org", false},
        {"pod01.evilbackup.windowsazure.com", false},
        {"backup.windowsazure.com", false},
        {"portal.example.org", false},
    };
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_connection_ struct connection connection = {.portal_host = str_dup(table[i].host)};

        assert_int_equal(script_check_portal_domain(&connection, &err), table[i].good ? 0 : -1);
        if (!table[i].good)
            assert_error(err, EXIT_USAGE, table[i].host);
    }
}

static void private_endpoints_are_known_by_their_name(void **state)
{
    _cleanup_connection_ struct connection connection = {0};
    _cleanup_free_ char *text = with_value("TargetPortalAddress", "g-pod01-rec2.x.PrivateLink.backup.windowsazure.com");
    char *flag = strstr(text, "IsPEEnabled='1'");

    (void)state;
    flag[strlen("IsPEEnabled='")] = '0';
    assert_int_equal(parse(text, "x.sh", &connection, NULL), 0);
    assert_true(connection.private_endpoint);
}

static void a_password_can_be_given(void **state)
{
    static const char *const bad[] = {"", "0123456789abcd", "0123456789abcdef", "0123456789abc e", "0123456789abc'e"};
    _cleanup_connection_ struct connection connection = {0};
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(connection_set_password(&connection, bad[i], &err), -1);
        assert_error(err, EXIT_USAGE, "15 characters");
        assert_false(connection.secret_known);
    }
    assert_int_equal(connection_set_password(&connection, PASSWORD, NULL), 0);
    assert_int_equal(connection_set_password(&connection, "another-one-012", NULL), 0);
    assert_string_equal(connection.password, "another-one-012");
    assert_true(connection.secret_known);
}

static void the_chap_user_tells_the_system(void **state)
{
    static const struct {
        const char *id, *like, *version, *expected;
    } table[] = {
        {"ubuntu", "debian", "24.04", "Ubuntu;24.04;u"},
        {"debian", NULL, "12", "Debian;12;u"},
        {"debian", NULL, NULL, "Debian;12;u"}, /* sid has no version */
        {"rhel", "fedora", "8.10", "RHEL;8.10;u"},
        {"centos", "rhel fedora", "7", "CentOS;7;u"},
        {"ol", "fedora", "9.3", "Oracle;9.3;u"},
        {"sles", "suse", "15.5", "SLES;15.5;u"},
        {"opensuse-leap", "suse opensuse", "15.5", "OpenSUSE;15.5;u"},
        {"opensuse-tumbleweed", "opensuse suse", "20260101", "OpenSUSE;42.3;u"},
        {"rocky", "rhel centos fedora", "9.4", "RHEL;9.4;u"},
        {"almalinux", "rhel centos fedora", "9.4", "RHEL;9.4;u"},
        {"linuxmint", "ubuntu debian", "21", "Ubuntu;22.04;u"},
        {"devuan", "debian", "5", "Debian;12;u"},
        {"amzn", "centos rhel fedora", "2", "CentOS;7.9;u"},
        {"arch", NULL, NULL, "Ubuntu;22.04;u"},
        {"x", "y z", "1", "Ubuntu;22.04;u"},
        {"x", "y  debian", "1", "Debian;12;u"},
        {NULL, NULL, NULL, "Ubuntu;22.04;u"},
        {"ubuntu", NULL, "22.04.1", "Ubuntu;22.04;u"},
        {"ubuntu", NULL, "22.", "Ubuntu;22;u"},
        {"ubuntu", NULL, ".4", "Ubuntu;22.04;u"},
        {"ubuntu", NULL, "22;evil", "Ubuntu;22.04;u"},
        {"ubuntu", NULL, "22 ", "Ubuntu;22.04;u"},
        {"ubuntu", NULL, "", "Ubuntu;22.04;u"},
        {"ubuntu", NULL, "123456789.1", "Ubuntu;22.04;u"},
    };
    char user[] = "u";
    const struct connection connection = {.chap_user = user};

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_free_ char *text = script_chap_user(&connection, table[i].id, table[i].like, table[i].version);

        assert_string_equal(text, table[i].expected);
    }
}

static void json_has_every_member_and_no_secret(void **state)
{
    static const char *const members[] = {"portal",     "port",        "target",    "user",         "vm",
                                          "machine",    "format",      "script_id", "multi_target", "private_endpoint",
                                          "large_disk", "secret_known"};
    _cleanup_connection_ struct connection connection = {0};
    _cleanup_json_ cJSON *document = NULL;
    _cleanup_free_ char *text = NULL;

    (void)state;
    assert_int_equal(parse(python, NAME ".py", &connection, NULL), 0);
    document = connection_to_json(&connection);
    text = json_text(document, false);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        assert_non_null(cJSON_GetObjectItemCaseSensitive(document, members[i]));
    assert_int_equal(cJSON_GetArraySize(document), sizeof(members) / sizeof(members[0]));
    assert_true(json_bool(document, "secret_known", false));
    assert_string_equal(json_string(document, "format"), "py");
    assert_null(strstr(text, PASSWORD));
    assert_null(strstr(text, INITIATOR_SECRET));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(python_scripts_are_read),
        cmocka_unit_test(shell_scripts_are_read),
        cmocka_unit_test(windows_entries_are_read),
        cmocka_unit_test(a_windows_machines_portal_is_the_clouds),
        cmocka_unit_test(the_password_comes_out_of_the_name),
        cmocka_unit_test(a_name_of_another_script_is_refused),
        cmocka_unit_test(only_plain_literals_count),
        cmocka_unit_test(expansions_of_a_shell_are_no_literals),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(values_are_checked_by_their_grammar),
        cmocka_unit_test(names_have_a_longest_length),
        cmocka_unit_test(what_is_no_script_is_named),
        cmocka_unit_test(line_ends_do_not_matter),
        cmocka_unit_test(a_cut_script_never_crashes),
        cmocka_unit_test(portals_outside_azure_are_told),
        cmocka_unit_test(private_endpoints_are_known_by_their_name),
        cmocka_unit_test(a_password_can_be_given),
        cmocka_unit_test(the_chap_user_tells_the_system),
        cmocka_unit_test(json_has_every_member_and_no_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
