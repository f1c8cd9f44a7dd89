#!/bin/bash
# The lab itself: a scenario that reboots its guest, by systemd's own shutdown, finds its disk as it left it, and goes on.
# weight=12
. "$AZILR_LAB/lib.sh"

assert_eq "$(cat /proc/1/comm)" systemd "process 1"
boot_id=$(cat /proc/sys/kernel/random/boot_id)

if [ "$LAB_BOOT" = 1 ]; then
    echo "$boot_id" > "$LAB_WORK/boot-id"
    step "a unit of a host, which systemd stops in a shutdown, and writes down in what order"
    systemd-run --quiet --unit lab-first --property=ExecStop="/bin/sh -c 'echo first >> $LAB_WORK/stopped'" sleep infinity
    systemd-run --quiet --unit lab-second --property=After=lab-first.service \
        --property=ExecStop="/bin/sh -c 'echo second >> $LAB_WORK/stopped'" sleep infinity
    retry_until 10 systemctl is-active lab-first lab-second
    reboot_host
fi

step "after the boot"
assert_eq "$LAB_BOOT" 2
[ "$boot_id" != "$(cat "$LAB_WORK/boot-id")" ] || fail "there was no boot"
assert_eq "$(tr '\n' ' ' < "$LAB_WORK/stopped")" "second first "
[ ! -e /run/systemd/transient/lab-first.service ] || fail "a transient unit is still there"
