#!/bin/bash
# Where the kernel has TLS the tunnel lets it decrypt: all that is promised of the tunnel must hold there as it does
# elsewhere, which the same tests show, run in here.
# weight=100
. "$AZILR_LAB/lib.sh"

requires openssl
build=/src/build
[ -x $build/tests/native/tunnel_driver ] || fail "the tests' programs are not built"

step "without the kernel's TLS there is no pipe"
assert_lacks "$(< /proc/sys/net/ipv4/tcp_available_ulp)" tls

step "with it"
modprobe tls
cleanup_fn modprobe -r tls
tls_count() { awk -v name="$1" '$1 == name { print $2 }' /proc/net/tls_stat; }
before=$(tls_count TlsRxSw)
# TLS 1.2, as the portals speak it: of TLS 1.3 OpenSSL 3.0 leaves no receiving to the kernel
if ! TMPDIR=$LAB_WORK AZILR_TESTS_TLS_1_2=1 AZILR_TESTS_LIMIT=120 testside /usr/bin/python3 -B /src/tests/native/tunnel_test.py $build; then
    fail "the tunnel's tests"
fi
[ "$(tls_count TlsRxSw)" -gt "$before" ] || fail "the kernel decrypted nothing"
assert_eq "$(tls_count TlsDecryptError)" 0
