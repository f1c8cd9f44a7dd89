/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "util/str.h"
#include "volume/lvm-internal.h"

/* As lvm2 2.03.16 prints them for a group of four disks of which the fourth is not there. */
#define VG "\"vg_uuid\":\"eidr1z-zrmB-JX9o-mu2h-xrFZ-Igw0-BuEwvR\""
#define PV_REST                                                                                                        \
    "\"vg_name\":\"vgdata\", " VG ", \"vg_exported\":\"\", \"vg_systemid\":\"\", \"vg_lock_type\":\"\", "              \
    "\"pv_size\":\"130023424\", \"pe_start\":\"1048576\"}"
#define PV4                                                                                                            \
    "{\"pv_name\":\"[unknown]\", \"pv_uuid\":\"MNmFj5-x6jK-O4kt-WT5z-MNE0-gdz3-th3tiF\", "                             \
    "\"pv_missing\":\"missing\", " PV_REST
#define PV1                                                                                                            \
    "{\"pv_name\":\"/dev/sdc\", \"pv_uuid\":\"jG8F1H-c1lt-JZNc-2UjL-Kc26-UNo8-PmOFCd\", \"pv_missing\":\"\", " PV_REST
#define PV2                                                                                                            \
    "{\"pv_name\":\"/dev/sdd\", \"pv_uuid\":\"feU8al-TBCn-hS12-c2m0-RdCY-fr82-5HTpJj\", \"pv_missing\":\"\", " PV_REST
#define ORPHAN                                                                                                         \
    "{\"pv_name\":\"/dev/sde\", \"pv_uuid\":\"6er3m8-ra1p-WEgS-2JOM-GaNn-BZUY-RYRdw6\", \"pv_missing\":\"\", "         \
    "\"vg_name\":\"\", \"vg_uuid\":\"\", \"pv_size\":\"134217728\", \"pe_start\":\"0\"}"
#define PVS(rows) "  {\n \"report\": [ { \"pv\": [\n" rows "] } ] }\n"

#define LV(name, layout, role, devices, metadata, pool, origin)                                                        \
    "{" VG ", \"lv_name\":\"" name "\", \"lv_size\":\"12582912\", \"lv_layout\":\"" layout "\", \"lv_role\":\"" role   \
    "\", \"devices\":\"" devices "\", \"metadata_devices\":\"" metadata "\", \"pool_lv\":\"" pool                      \
    "\", \"origin\":\"" origin "\"}"
#define LVS(rows) "{\"report\": [ { \"lv\": [" rows "] } ] }"

static const char pvs_text[] = PVS(PV4 "," PV1 "," PV2 "," ORPHAN);

static void read_pvs(struct lvm_groups *groups)
{
    struct error *err = NULL;

    assert_int_equal(lvm_report_pvs(pvs_text, sizeof(pvs_text) - 1, groups, &err), 0);
}

static void physical_volumes_make_groups_the_missing_ones_last(void **state)
{
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    const struct lvm_group *group;

    (void)state;
    read_pvs(&groups);
    assert_int_equal(groups.count, 1);
    group = &groups.items[0];
    assert_string_equal(group->name, "vgdata");
    assert_null(group->system_id);
    assert_null(group->lock_type);
    assert_int_equal(group->pv_count, 3);
    assert_int_equal(group->missing, 1);
    assert_string_equal(group->pvs[0].device, "/dev/sdc");
    assert_string_equal(group->pvs[1].device, "/dev/sdd");
    assert_null(group->pvs[2].device);
    assert_string_equal(group->pvs[2].uuid, "MNmFj5-x6jK-O4kt-WT5z-MNE0-gdz3-th3tiF");
    assert_int_equal(group->pvs[2].data_start, 1048576);
}

static const struct lvm_lv *find(const struct lvm_group *group, const char *name)
{
    for (size_t i = 0; i < group->lv_count; i++)
        if (str_equal(group->lvs[i].name, name))
            return &group->lvs[i];
    return NULL;
}

static void assert_lv(const struct lvm_group *group, const char *name, bool incomplete, bool degraded)
{
    const struct lvm_lv *lv = find(group, name);

    if (!lv)
        fail_msg("no %s", name);
    if (lv->incomplete != incomplete || lv->degraded != degraded)
        fail_msg("%s is %d %d", name, lv->incomplete, lv->degraded);
    assert_true((lv->reason != NULL) == (incomplete || degraded));
    if (lv->reason)
        assert_non_null(strstr(lv->reason, "MNmFj5-x6jK-O4kt-WT5z-MNE0-gdz3-th3tiF"));
}

/* One that is in use has files, even where its metadata is kept on other disks only. */
static void an_orphan_that_is_in_use_is_not_empty(void **state)
{
    static const char text[] =
        PVS(ORPHAN ",{\"pv_name\":\"/dev/sdf\", \"pv_uuid\":\"feU8al-TBCn-hS12-c2m0-RdCY-fr82-5HTpJj\", "
                   "\"pv_missing\":\"\", \"pv_in_use\":\"used\", \"vg_name\":\"\", \"vg_uuid\":\"\", "
                   "\"pv_size\":\"134217728\", \"pe_start\":\"0\"}");
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};

    (void)state;
    assert_int_equal(lvm_report_pvs(text, sizeof(text) - 1, &groups, NULL), 0);
    assert_int_equal(groups.count, 0);
    assert_int_equal(groups.unusable_count, 1);
    assert_string_equal(groups.unusable[0].device, "/dev/sdf");
    assert_true(groups.unusable[0].lacks_others);
}

static void what_is_missing_of_each_volume_follows_from_what_it_is_made_of(void **state)
{
    static const char text[] = LVS(
        LV("lin", "linear", "public", "/dev/sdc(0)", "", "", "") "," LV("span", "linear", "public", "/dev/sdc(9)", "",
                                                                        "", "") ","
        /* the second segment of the same one */
        LV("span", "linear", "public", "[unknown](0)", "", "", "") "," LV("str", "striped", "public",
                                                                          "/dev/sdc(1),[unknown](2)", "", "", "") ","
        /* parts may stand before or after what they are parts of, each with private in its role */
        LV("r1_rimage_1", "linear", "private,raid,image", "[unknown](5)", "", "", "") "," LV(
            "r1", "raid,raid1", "public", "r1_rimage_0(0),r1_rimage_1(0)", "r1_rmeta_0(0),r1_rmeta_1(0)", "",
            "") "," LV("r1_rimage_0", "linear", "private,raid,image", "/dev/sdd(3)", "", "",
                       "") "," LV("r5", "raid,raid5,raid5_ls", "public", "a(0),b(0),c(0)", "", "",
                                  "") "," LV("a", "linear", "private,raid,image", "[unknown](6)", "", "",
                                             "") "," LV("b", "linear", "private,raid,image", "[unknown](7)", "", "",
                                                        "") "," LV("c", "linear", "private,raid,image", "/dev/sdd(7)",
                                                                   "", "",
                                                                   "") "," LV("pool", "thin,pool", "private",
                                                                              "pool_tdata(0)", "pool_tmeta(0)", "",
                                                                              "") "," LV("pool_tdata", "linear",
                                                                                         "private,thin,pool,data",
                                                                                         "/dev/sdc(20)", "", "",
                                                                                         "") "," LV("pool_tmeta",
                                                                                                    "linear",
                                                                                                    "private,thin,pool,"
                                                                                                    "metadata",
                                                                                                    "[unknown](8)", "",
                                                                                                    "",
                                                                                                    "") "," LV("thin",
                                                                                                               "thin,"
                                                                                                               "sparse",
                                                                                                               "public",
                                                                                                               "", "",
                                                                                                               "pool",
                                                                                                               "") "," LV("snap",
                                                                                                                          "linear",
                                                                                                                          "public,snapshot,thicksnapshot",
                                                                                                                          "/dev/sdc(30)",
                                                                                                                          "",
                                                                                                                          "",
                                                                                                                          "lin") "," LV("snap2",
                                                                                                                                        "linear",
                                                                                                                                        "public,snapshot,thicksnapshot",
                                                                                                                                        "/dev/sdc(31)",
                                                                                                                                        "",
                                                                                                                                        "",
                                                                                                                                        "span"));
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    struct error *err = NULL;
    const struct lvm_group *group;

    (void)state;
    read_pvs(&groups);
    assert_int_equal(lvm_report_lvs(text, sizeof(text) - 1, &groups, &err), 0);
    group = &groups.items[0];
    assert_int_equal(group->lv_count, 8);
    assert_lv(group, "lin", false, false);
    assert_lv(group, "span", true, false);
    assert_lv(group, "str", true, false);
    assert_lv(group, "r1", false, true);
    assert_lv(group, "r5", true, false);
    assert_lv(group, "thin", true, false);
    assert_lv(group, "snap", false, false);
    assert_lv(group, "snap2", true, false);
    assert_null(find(group, "pool"));
    assert_null(find(group, "r1_rimage_0"));
}

static void metadata_that_goes_in_circles_comes_to_an_end(void **state)
{
    static const char text[] = LVS(LV("a", "linear", "public", "b(0)", "", "", "") "," LV(
        "b", "linear", "public", "a(0)", "", "b", "a") "," LV("c", "linear", "public", "c(0),(,),", "c", "c", "c"));
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    struct error *err = NULL;

    (void)state;
    read_pvs(&groups);
    assert_int_equal(lvm_report_lvs(text, sizeof(text) - 1, &groups, &err), 0);
    assert_int_equal(groups.items[0].lv_count, 3);
    assert_true(find(&groups.items[0], "a")->incomplete);
}

static void what_is_no_report_is_refused(void **state)
{
    static const struct {
        bool lvs;
        const char *text, *why;
    } cases[] = {
        {false, "", "not valid JSON"},
        {false, "WARNING: {", "not valid JSON"},
        {false, "[]", "no list"},
        {false, "{\"report\":[]}", "no list"},
        {false, "{\"report\":[{\"pv\":7}]}", "no list"},
        {true, "", "not valid JSON"},
        {true, "{\"report\":[{\"pv\":[]}]}", "no list"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_lvm_groups_ struct lvm_groups groups = {0};
        struct error *err = NULL;
        size_t length = strlen(cases[i].text);

        if (cases[i].lvs)
            read_pvs(&groups);
        assert_int_equal(cases[i].lvs ? lvm_report_lvs(cases[i].text, length, &groups, &err)
                                      : lvm_report_pvs(cases[i].text, length, &groups, &err),
                         -1);
        assert_error(err, EXIT_FAILED, cases[i].why);
    }
}

static void a_physical_volume_that_makes_no_sense_keeps_none_of_the_others(void **state)
{
#define BAD_PV(name, device, uuid, size)                                                                               \
    "{\"vg_name\":\"" name "\", \"pv_name\":\"" device "\", \"pv_uuid\":\"" uuid "\", " VG ", \"pv_size\":\"" size     \
    "\", \"pe_start\":\"1\"}"
#define GOOD_UUID "6er3m8-ra1p-WEgS-2JOM-GaNn-BZUY-RYRdw6"
    static const char *const rows[] = {
        "{\"vg_name\":\"x\"}",
        "7",
        BAD_PV("-ay", "/dev/sdf", GOOD_UUID, "1"),
        BAD_PV("x/y", "/dev/sdf", GOOD_UUID, "1"),
        BAD_PV("vgdata", "/dev/sdf", "short", "1"),
        BAD_PV("vgdata", "/dev/sdf", GOOD_UUID, "-1"),
        BAD_PV("vgdata", "/dev/sdf", GOOD_UUID, "99999999999999999999"),
        BAD_PV("vgdata", "[odd]", GOOD_UUID, "1"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_lvm_groups_ struct lvm_groups groups = {0};
        _cleanup_free_ char *text = str_printf(PVS("%s,%s,%s"), PV1, rows[i], PV2);
        struct error *err = NULL;

        assert_int_equal(lvm_report_pvs(text, strlen(text), &groups, &err), 0);
        assert_int_equal(groups.count, 1);
        assert_int_equal(groups.items[0].pv_count, 2);
        assert_int_equal(groups.unusable_count, 1);
        assert_string_equal(groups.unusable[0].reason, "its metadata makes no sense");
        if (i > 1 && i < 7)
            assert_string_equal(groups.unusable[0].device, "/dev/sdf");
    }
}

static void a_logical_volume_that_makes_no_sense_keeps_none_of_the_others(void **state)
{
    static const char *const rows[] = {
        LV("../x", "linear", "public", "", "", "", ""),
        LV("-n", "linear", "public", "", "", "", ""),
        "{" VG ",\"lv_role\":\"public\"}",
        "[]",
    };
    static const char no_size[] = LVS("{" VG ",\"lv_name\":\"x\",\"lv_role\":\"public\",\"lv_size\":\"-1\"}");
    _cleanup_lvm_groups_ struct lvm_groups sizeless = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_lvm_groups_ struct lvm_groups groups = {0};
        _cleanup_free_ char *text =
            str_printf(LVS("%s,%s"), rows[i], LV("good", "linear", "public", "/dev/sdc(0)", "", "", ""));

        read_pvs(&groups);
        assert_int_equal(lvm_report_lvs(text, strlen(text), &groups, NULL), 0);
        assert_int_equal(groups.items[0].lv_count, 1);
        assert_string_equal(groups.items[0].lvs[0].name, "good");
    }
    read_pvs(&sizeless);
    assert_int_equal(lvm_report_lvs(no_size, sizeof(no_size) - 1, &sizeless, NULL), 0);
    assert_int_equal(sizeless.items[0].lvs[0].size, 0);
}

/* Devices that every machine has stand for disks: what counts is the number, not the name. */
static void devices_are_known_by_any_of_their_names(void **state)
{
    static const char text[] =
        PVS("{\"pv_name\":\"/dev/null\", \"pv_uuid\":\"jG8F1H-c1lt-JZNc-2UjL-Kc26-UNo8-PmOFCd\", " PV_REST
            ",{\"pv_name\":\"/dev/zero\", \"pv_uuid\":\"feU8al-TBCn-hS12-c2m0-RdCY-fr82-5HTpJj\", " PV_REST
            ",{\"pv_name\":\"/dev/none\", \"pv_uuid\":\"MNmFj5-x6jK-O4kt-WT5z-MNE0-gdz3-th3tiF\", " PV_REST "," PV4
            ",{\"pv_name\":\"/dev/zero\", \"vg_name\":\"x\"}");
    char top[] = "/tmp/azilr-lvm-XXXXXX";
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    _cleanup_free_ char *link = NULL;
    const struct lvm_group *group;

    (void)state;
    assert_non_null(mkdtemp(top));
    link = str_printf("%s/disk", top);
    assert_int_equal(symlink("/dev/zero", link), 0);
    const char *const devices[] = {link, "/dev/null"};
    assert_int_equal(lvm_report_pvs(text, sizeof(text) - 1, &groups, NULL), 0);
    lvm_name_devices(&groups, devices, 2);
    group = &groups.items[0];
    assert_int_equal(group->pv_count, 3);
    assert_int_equal(group->missing, 1);
    assert_string_equal(group->pvs[0].device, "/dev/null");
    assert_string_equal(group->pvs[1].device, link);
    assert_null(group->pvs[2].device);
    assert_int_equal(groups.unusable_count, 2);
    assert_string_equal(groups.unusable[0].device, link);
    assert_string_equal(groups.unusable[1].device, "/dev/none");
    unlink(link);
    rmdir(top);
}

static void copies_are_kept_apart_and_what_belongs_together_is_not(void **state)
{
    /* one letter a physical volume ("-": not known), one its group, and how often that was changed; the expected sets
     */
    static const struct {
        const char *copies, *sets;
    } cases[] = {
        {"aV1 bV1 cW7", "000"},
        /* without a copy, a group is one, even where one disk of it was left behind */
        {"aV1 bV2 cW7 cW7", "0001"},
        {"aV1 aV1", "01"},
        {"aV1 aV1 aV1", "012"},
        {"aV1 bV1 aV1 bV1", "0011"},
        {"aV1 bV1 bV1 aV1", "0011"},
        {"aV1 bV1 aV1", "001"},
        /* which neither the state nor the order tells: no member of one is put into the other */
        {"aV1 aV1 bV1", "???"},
        {"aV1 aV1 bV1 bV1 xW5", "????0"},
        {"aV1 aV1 bV1 bV1 aV2 bV2", "????22"},
        /* the state of the group tells more than the order */
        {"aV1 aV2 bV2 bV1", "0110"},
        {"aV1 bV2 aV2", "011"},
        {"aV1 aV2 aV3 bV3", "0122"},
        /* those without metadata, by the order */
        {"aV1 b-0 aV1 b-0", "0011"},
        {"--0 --0", "00"},
        /* other groups stay where they are */
        {"aV1 xW5 aV1 yW5", "0010"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lvm_copy copies[8] = {0};
        char uuids[8][2] = {{0}}, groups[8][2] = {{0}}, sets[9] = {0};
        size_t count = (strlen(cases[i].copies) + 1) / 4, made;
        char most = '0';

        for (size_t j = 0; j < count; j++) {
            const char *at = cases[i].copies + 4 * j;

            uuids[j][0] = at[0];
            groups[j][0] = at[1];
            copies[j] = (struct lvm_copy){.uuid = at[0] == '-' ? NULL : uuids[j],
                                          .vg_uuid = at[1] == '-' ? NULL : groups[j],
                                          .seqno = (uint64_t)(at[2] - '0')};
        }
        made = lvm_divide_copies(copies, count);
        for (size_t j = 0; j < count; j++) {
            sets[j] = (char)('0' + copies[j].set);
            most = sets[j] > most ? sets[j] : most;
            if (copies[j].is_doubtful)
                sets[j] = '?';
        }
        if (strcmp(sets, cases[i].sets) != 0)
            fail_msg("%s: %s, not %s", cases[i].copies, sets, cases[i].sets);
        assert_int_equal(made, most - '0' + 1);
    }
}

static void links_to_an_imported_group_are_removed_and_nothing_else(void **state)
{
    static const char name[] = "azilr-0123abcd-vg1";
    static const char *const others[] = {"vgdata", "azilr-0123abcd-vg10"};
    char top[] = "/tmp/azilr-lvm-XXXXXX";
    _cleanup_free_ char *directory = NULL, *link = NULL, *file = NULL;

    (void)state;
    assert_non_null(mkdtemp(top));
    lvm_remove_links(top, name);
    for (size_t i = 0; i < 2; i++) {
        _cleanup_free_ char *other = str_printf("%s/%s", top, others[i]);
        _cleanup_free_ char *inside = str_printf("%s/lv", other);

        assert_int_equal(mkdir(other, 0755), 0);
        assert_int_equal(symlink("/dev/null", inside), 0);
    }
    directory = str_printf("%s/%s", top, name);
    link = str_printf("%s/lv", directory);
    file = str_printf("%s/file", directory);
    assert_int_equal(mkdir(directory, 0755), 0);
    assert_int_equal(symlink("/dev/null", link), 0);
    assert_int_equal(close(open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)), 0);
    lvm_remove_links(top, "vgdata");
    lvm_remove_links(top, "azilr-0123abcd-vg1/../vgdata");
    lvm_remove_links(top, name);
    assert_int_not_equal(access(link, F_OK), 0);
    /* what LVM has not made is not ours to remove */
    assert_int_equal(access(file, F_OK), 0);
    unlink(file);
    lvm_remove_links(top, name);
    assert_int_not_equal(access(directory, F_OK), 0);
    for (size_t i = 0; i < 2; i++) {
        _cleanup_free_ char *other = str_printf("%s/%s", top, others[i]);
        _cleanup_free_ char *inside = str_printf("%s/lv", other);

        assert_int_equal(unlink(inside), 0);
        assert_int_equal(rmdir(other), 0);
    }
    /* a link in its place leads to nothing of ours */
    assert_int_equal(symlink("/tmp", directory), 0);
    lvm_remove_links(top, name);
    assert_int_equal(unlink(directory), 0);
    assert_int_equal(rmdir(top), 0);
}

static void names_are_those_that_lvm_takes(void **state)
{
    char *name = lvm_new_name("0a0b0c0d", 3);

    (void)state;
    assert_string_equal(name, "azilr-0a0b0c0d-vg3");
    assert_true(lvm_name_is_ours(name));
    assert_false(lvm_name_is_ours("vgdata"));
    assert_false(lvm_name_is_ours("azilr-"));
    assert_false(lvm_name_is_ours(""));
    assert_false(lvm_name_is_ours("azilr-0a0b0c0d-vg3/x"));
    assert_true(lvm_name_is_valid(name));
    free(name);
    assert_true(lvm_name_is_valid("a+b_c.d-e"));
    assert_false(lvm_name_is_valid(NULL));
    assert_false(lvm_name_is_valid(""));
    assert_false(lvm_name_is_valid("."));
    assert_false(lvm_name_is_valid(".."));
    assert_false(lvm_name_is_valid("-ay"));
    assert_false(lvm_name_is_valid("a/b"));
    assert_false(lvm_name_is_valid("a\"b"));
}

static void a_volume_is_known_by_what_the_vm_calls_it(void **state)
{
    const struct lvm_group group = {.name = (char *)(uintptr_t) "vg-data"};
    const struct lvm_lv lv = {.name = (char *)(uintptr_t) "lv-a-b"};
    char *alias = lvm_alias(&group, &lv);

    (void)state;
    assert_string_equal(alias, "mapper/vg--data-lv--a--b");
    free(alias);
}

static void the_configuration_names_the_devices_and_no_others(void **state)
{
    static const char *const devices[] = {"/dev/mapper/azilr-0a0b0c0d-1", "/dev/disk/a.b+c"};
    const struct lvm_lv lvs[] = {{.name = (char *)(uintptr_t) "root", .layout = (char *)(uintptr_t) "linear"},
                                 {.name = (char *)(uintptr_t) "thin", .layout = (char *)(uintptr_t) "thin,sparse"}};
    const struct lvm_activation activation = {.name = "new", .lvs = lvs, .lv_count = 2};
    struct error *err = NULL;
    char *text = lvm_config(devices, 2, NULL, NULL, &err);

    (void)state;
    assert_non_null(strstr(text, " global_filter=[\"a|^/dev/mapper/azilr-0a0b0c0d-1$|\",\"a|^/dev/disk/a[.]b[+]c$|\","
                                 "\"r|.*|\"]"));
    assert_non_null(strstr(text, "{filter=["));
    assert_non_null(strstr(text, "global{activation=0 "));
    assert_null(strstr(text, "volume_list=[\"new"));
    free(text);

    text = lvm_config(devices, 1, &activation, "other.example", &err);
    assert_null(strstr(text, "global{activation=0 "));
    assert_non_null(strstr(text, " volume_list=[\"new\"] read_only_volume_list=[\"new/root\","));
    assert_null(strstr(text, "new/thin"));
    assert_non_null(strstr(text, "system_id_source=\"lvmlocal\""));
    assert_non_null(strstr(text, "local{system_id=\"other.example\"}"));
    free(text);

    text = lvm_config(devices, 1, NULL, "a\"] x=[", &err);
    assert_null(strstr(text, "x=["));
    free(text);
}

static void a_path_that_could_mean_more_than_itself_is_refused(void **state)
{
    static const char *const bad[] = {"sda",      "/dev/sd|a",  "/dev/sd\"",   "/dev/sd[a]", "/dev/../etc/x",
                                      "/dev/sd*", "/dev/sd\\a", "/etc/passwd", "/dev/a b"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error *err = NULL;

        assert_null(lvm_config(&bad[i], 1, NULL, NULL, &err));
        assert_error(err, EXIT_FAILED, "not a path");
    }
}

static void a_configuration_that_would_be_cut_off_is_refused(void **state)
{
    enum { MANY = 4000 };
    const char **devices = xcalloc(MANY, sizeof(*devices));
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        devices[i] = "/dev/mapper/azilr-0a0b0c0d-1000";
    assert_null(lvm_config(devices, MANY, NULL, NULL, &err));
    assert_error(err, EXIT_FAILED, "too many");
    free(devices);
}

/* As many volumes as are activated in one call, with the longest of names, on as many disks as Azure gives a VM. */
static void a_batch_of_volumes_has_room_in_one_argument(void **state)
{
    enum { DISKS = 64 };
    static const char device[] = "/dev/mapper/azilr-0123abcd-100";
    const char *devices[DISKS];
    struct lvm_lv *lvs = xcalloc(LVM_BATCH, sizeof(*lvs));
    const struct lvm_activation activation = {.name = "azilr-0123abcd-vg100", .lvs = lvs, .lv_count = LVM_BATCH};
    char name[LVM_NAME_MAX + 1] = "";
    struct error *err = NULL;
    char *text;

    (void)state;
    memset(name, 'x', LVM_NAME_MAX);
    for (size_t i = 0; i < DISKS; i++)
        devices[i] = device;
    for (size_t i = 0; i < LVM_BATCH; i++)
        lvs[i] = (struct lvm_lv){.name = name, .layout = (char *)(uintptr_t) "linear"};
    text = lvm_config(devices, DISKS, &activation, NULL, &err);
    assert_non_null(text);
    free(text);
    free(lvs);
}

static void a_stand_in_has_room_for_metadata_and_errors_behind(void **state)
{
    const struct lvm_pv good = {.size = 4096 * 512, .data_start = 2048 * 512};
    const struct lvm_pv tiny = {.size = 4096 * 512, .data_start = 512};
    const struct lvm_pv huge = {.size = UINT64_MAX, .data_start = 2048 * 512};
    const struct lvm_pv late = {.size = 4096 * 512, .data_start = UINT64_MAX};
    char *table = lvm_stand_in_table(&good);

    (void)state;
    assert_string_equal(table, "0 2048 zero\n2048 4096 error\n6144 8192 zero\n");
    free(table);
    assert_null(lvm_stand_in_table(&tiny));
    assert_null(lvm_stand_in_table(&huge));
    assert_null(lvm_stand_in_table(&late));
}

static void copies_of_an_imported_group_are_removed_and_no_others(void **state)
{
    static const struct {
        const char *name;
        bool stays;
    } files[] = {
        {"backup/azilr-0123abcd-vg1", false},
        {"archive/azilr-0123abcd-vg1_00000-1795246519.vg", false},
        {"backup/azilr-0123abcd-vg10", true},
        {"archive/azilr-0123abcd-vg10_00000-1795246519.vg", true},
        {"backup/vgdata", true},
        {"archive/vgdata_00000-1795246519.vg", true},
    };
    char top[] = "/tmp/azilr-lvm-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(top));
    assert_int_equal(lvm_remove_copies(top, "azilr-0123abcd-vg1", NULL), 0);
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *directory = str_printf("%s/%s", top, i ? "archive" : "backup");

        assert_int_equal(mkdir(directory, 0700), 0);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", top, files[i].name);

        assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)), 0);
    }
    assert_int_equal(lvm_remove_copies(top, "vgdata", NULL), 0);
    assert_int_equal(lvm_remove_copies(top, "azilr-0123abcd-vg1/../azilr-0123abcd-vg1", NULL), 0);
    assert_int_equal(lvm_remove_copies(top, "azilr-0123abcd-vg1", NULL), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", top, files[i].name);

        assert_int_equal(access(path, F_OK) == 0, files[i].stays);
        unlink(path);
    }
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *directory = str_printf("%s/%s", top, i ? "archive" : "backup");

        rmdir(directory);
    }
    assert_int_equal(rmdir(top), 0);
}

static void a_groups_devices_begin_with_its_mapped_name(void **state)
{
    _cleanup_free_ char *prefix = lvm_mapped_name("azilr-0123abcd-vg3", "");
    _cleanup_free_ char *whole = lvm_mapped_name("azilr-0123abcd-vg3", "a-b");

    (void)state;
    assert_string_equal(prefix, "azilr--0123abcd--vg3-");
    assert_string_equal(whole, "azilr--0123abcd--vg3-a--b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_groups_devices_begin_with_its_mapped_name),
        cmocka_unit_test(copies_of_an_imported_group_are_removed_and_no_others),
        cmocka_unit_test(physical_volumes_make_groups_the_missing_ones_last),
        cmocka_unit_test(an_orphan_that_is_in_use_is_not_empty),
        cmocka_unit_test(what_is_missing_of_each_volume_follows_from_what_it_is_made_of),
        cmocka_unit_test(metadata_that_goes_in_circles_comes_to_an_end),
        cmocka_unit_test(what_is_no_report_is_refused),
        cmocka_unit_test(a_physical_volume_that_makes_no_sense_keeps_none_of_the_others),
        cmocka_unit_test(a_logical_volume_that_makes_no_sense_keeps_none_of_the_others),
        cmocka_unit_test(devices_are_known_by_any_of_their_names),
        cmocka_unit_test(copies_are_kept_apart_and_what_belongs_together_is_not),
        cmocka_unit_test(links_to_an_imported_group_are_removed_and_nothing_else),
        cmocka_unit_test(names_are_those_that_lvm_takes),
        cmocka_unit_test(a_volume_is_known_by_what_the_vm_calls_it),
        cmocka_unit_test(the_configuration_names_the_devices_and_no_others),
        cmocka_unit_test(a_path_that_could_mean_more_than_itself_is_refused),
        cmocka_unit_test(a_configuration_that_would_be_cut_off_is_refused),
        cmocka_unit_test(a_batch_of_volumes_has_room_in_one_argument),
        cmocka_unit_test(a_stand_in_has_room_for_metadata_and_errors_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
