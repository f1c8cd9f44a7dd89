#!/bin/bash
# weight=60
# azilr doctor: a healthy host is found to be one and stays as it was, and what is taken from it is named.
# machine=qemu: it is all well on a stock host
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

disk=$LAB_WORK/disk.img
truncate -s 8M "$disk"
start_azure -- "$disk"
systemctl start iscsid.socket

doctor() { # EXIT
    expect_exit "$1" azilr doctor "${point_options[@]}"
    cp "$LAB_WORK/stdout" "$LAB_WORK/found"
}

line() { sed -n "/^[a-z]* *$1 /p" "$LAB_WORK/found"; }
remedy() { sed -n "/^[a-z]* *$1 /{n;p}" "$LAB_WORK/found"; }

step "a healthy host: all is well, nothing is changed, and nothing but reading is asked of Azure"
host_snapshot before
modules=$(cut -d' ' -f1 /proc/modules | sort)
doctor 0
assert_eq "$(grep -E '^(warning|failure)' "$LAB_WORK/found" || true)" ""
assert_eq "$(cut -d' ' -f1 /proc/modules | sort)" "$modules" "the kernel's modules"
host_snapshot after
assert_host_same before after
assert_lacks "$azure/requests.jsonl" '"POST"'
assert_contains "$(line iscsid)" "ok"
assert_contains "$(line 'module iscsi_tcp')" "iscsi_tcp"
for pair in bitlocker:dm_zero integrity:dm_integrity btrfs-checksums:algif_hash btrfs-checksums:xxhash_generic \
    btrfs-checksums:blake2b_generic tls:tls; do
    assert_contains "$(line "module ${pair%:*}")" "${pair#*:}"
done
assert_contains "$(line 'tool iscsiadm')" "version 2."

# systemd holds its socket, and would start it for whoever connects
! systemctl is-active -q iscsid.service || fail "doctor has started iscsid"

step "the portal of a script"
sed "s/PORTAL/$portal/" > "$LAB_WORK/web01.py" << 'SCRIPT'
MachineName="web01"
TargetPortalAddress="PORTAL"
TargetPortalPortNumber="3260"
TargetNodeAddress="iqn.2016-01.microsoft.azure.backup:1-2-3-4.5"
TargetUserName="1000000000000000001-00000000-0000-4000-8000-000000000001"
TargetPassword="UserInput012345"
SCRIPT
expect_exit 0 azilr doctor --script "$LAB_WORK/web01.py" --ca-file "$azure/ca.pem"
assert_contains "$(grep '^ok *certificate' "$LAB_WORK/stdout")" "$portal"
azure_set portal_cert=expired
expect_exit 5 azilr doctor --script "$LAB_WORK/web01.py" --ca-file "$azure/ca.pem"
assert_contains "$(grep '^failure *certificate' "$LAB_WORK/stdout")" "expired"
azure_set portal_cert=good

step "what is missing is named, with what to type"
systemctl stop iscsid.socket iscsid.service
systemctl mask --runtime iscsid.socket iscsid.service
cleanup_fn systemctl unmask --runtime iscsid.socket iscsid.service
mv /usr/sbin/mdadm /usr/sbin/mdadm.away
cleanup_fn mv -n /usr/sbin/mdadm.away /usr/sbin/mdadm
modprobe -r iscsi_tcp
echo 'install iscsi_tcp /bin/false' > /etc/modprobe.d/lab.conf
cleanup_fn rm -f /etc/modprobe.d/lab.conf
mkdir -p /etc/udev/rules.d
ln -s /dev/null /etc/udev/rules.d/56-azilr.rules
cleanup_fn rm -f /etc/udev/rules.d/56-azilr.rules
doctor 8
assert_contains "$(line iscsid)" "is masked"
assert_contains "$(remedy iscsid)" "systemctl unmask iscsid.socket"
assert_contains "$(line 'tool mdadm')" "warning"
assert_contains "$(remedy 'tool mdadm')" "apt-get install mdadm"
assert_contains "$(line 'module iscsi_tcp')" "failure"
assert_contains "$(remedy 'module iscsi_tcp')" "/etc/modprobe.d/lab.conf"
assert_contains "$(line udev-rules)" "failure"
assert_contains "$(remedy udev-rules)" "rm /etc/udev/rules.d/56-azilr.rules"

step "and so is what the kernel does not have, or only a mount would bring"
rm /etc/udev/rules.d/56-azilr.rules /etc/modprobe.d/lab.conf
mv /usr/lib/udev/rules.d/56-azilr.rules "$LAB_WORK/"
cleanup_fn mv -n "$LAB_WORK/56-azilr.rules" /usr/lib/udev/rules.d/
list=/lib/modules/$(uname -r)/modules.dep
cp "$list" "$LAB_WORK/modules.dep"
cleanup_fn cp "$LAB_WORK/modules.dep" "$list"
sed -i '/^[^:]*\/iscsi_tcp\.ko/d' "$list"
doctor 8
assert_contains "$(line 'module iscsi_tcp')" "does not have: iscsi_tcp"
assert_contains "$(remedy 'module iscsi_tcp')" "linux-image"
assert_contains "$(line udev-rules)" "warning"
