/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "tunnel/daemon.h"
#include "tunnel/tls.h"

static void a_portals_certificate_has_its_name_but_for_private_endpoints(void **state)
{
    static const struct {
        const char *host, *name;
    } cases[] = {
        {"pod01-rec2.weu.backup.windowsazure.com", "pod01-rec2.weu.backup.windowsazure.com"},
        {"0f3c-11aa-pod01-rec2.weu.privatelink.backup.windowsazure.com", "pod01-rec2.weu.backup.windowsazure.com"},
        {"0f3c11aa-pod01-rec2.a.b.privatelink.backup.windowsazure.cn", "pod01-rec2.a.b.backup.windowsazure.cn"},
        {"0F3C-POD01-REC2.WEU.PRIVATELINK.BACKUP.WINDOWSAZURE.COM", "POD01-REC2.WEU.BACKUP.WINDOWSAZURE.COM"},
        {"pod01-rec2.weu.privatelink.backup.windowsazure.com", "pod01-rec2.weu.backup.windowsazure.com"},
        {"pod01.weu.privatelink.backup.windowsazure.com", "pod01.weu.backup.windowsazure.com"},
        {"127.0.0.1", "127.0.0.1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *name = tls_certificate_name(cases[i].host);

        assert_string_equal(name, cases[i].name);
        free(name);
    }
}

static void where_selinux_allows_one_port_that_is_taken(void **state)
{
    static const char *const red_hats[] = {"rhel", "centos", "ol", "rocky", "almalinux", "fedora"};
    static const char *const others[] = {"debian", "ubuntu", "sles", "opensuse-leap", "", NULL};
    int first, last;

    (void)state;
    for (size_t i = 0; i < sizeof(red_hats) / sizeof(red_hats[0]); i++) {
        tunnel_listen_ports(red_hats[i], &first, &last);
        assert_int_equal(first, 3260);
        assert_int_equal(last, 3260);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        tunnel_listen_ports(others[i], &first, &last);
        assert_int_equal(first, 5365);
        assert_int_equal(last, 5396);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_portals_certificate_has_its_name_but_for_private_endpoints),
        cmocka_unit_test(where_selinux_allows_one_port_that_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
