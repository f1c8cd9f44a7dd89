#!/bin/bash
# Faults at points of mount and unmount, and SIGKILL and SIGINT: after each, `unmount --all` leaves the host as it was.
#
# As many as fit in some minutes, which ones by a seed; tests/faults/README.md tells of all of them, and of
# build/faults/lab-options, the walk's options.
# timeout=40000
# weight=200
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

disk=$LAB_WORK/disk.img
make_disk_lvm_small "$disk"
start_azure -- "$disk"
azure_set polls_before_success=0
systemctl start iscsid
# without the package's rules azilr brings its own, which is a change too
mkdir "$LAB_WORK/rules"
mv /usr/lib/udev/rules.d/*azilr* "$LAB_WORK/rules/"
cleanup_fn sh -c "mv '$LAB_WORK'/rules/* /usr/lib/udev/rules.d/ && udevadm control --reload"
udevadm control --reload
# programs of a share are read anew for each start
cp /src/build/tests/faults/azilr "$LAB_WORK/azilr-faults"
cp -r /src/tests/faults "$LAB_WORK/walk"
/usr/bin/python3 -m compileall -q "$LAB_WORK/walk"
host_snapshot before

# each state that is saved counts, but how it is written is walked natively
options=(--seconds 150 --skip "(open|fchmod|write|fsync|unlink) [^ ]*/sessions/")
[ ! -e /src/build/faults/lab-options ] || mapfile -t options < /src/build/faults/lab-options
results=/out/faults.jsonl
[ ! -e /src/build/faults/lab.jsonl ] || cp /src/build/faults/lab.jsonl "$results"

step "the walk"
AZILR_FAULTS_CTL=$_sim/azure-sim-ctl AZILR_LAB_TESTSIDE=1 "$LAB_WORK/walk/walk" lab --results "$results" "${options[@]}" ||
    fail "something was left behind"

step "and to the last detail"
host_snapshot after
assert_host_same before after
assert_unwritten
