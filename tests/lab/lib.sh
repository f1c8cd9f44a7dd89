# shellcheck shell=bash
# What scenarios are written in.  A scenario is a bash file that begins with
#
#   . "$AZILR_LAB/lib.sh"
#
# (after its header) and ends well when it reaches its end.  LAB_WORK is a directory of its own, empty at the start.
set -euo pipefail

# shellcheck source=tests/lab/disks.sh
. "$AZILR_LAB/disks.sh"
# shellcheck source=tests/lab/host.sh
. "$AZILR_LAB/host.sh"

# --- the frame of a scenario ---

_cleanups=()
# A command may fail while its output goes elsewhere; what is said at the end belongs in the log.
_log=/out/$LAB_NAME.log

# Runs CMD at the end, the last one first, whatever happened.
cleanup_fn() {
    local quoted
    printf -v quoted '%q ' "$@"
    _cleanups=("$quoted" "${_cleanups[@]}")
}

_at_exit() {
    local status=$? command
    trap - EXIT ERR
    set +e
    exec >> "$_log" 2>&1
    # it goes on after the boot: nothing is tidied up but by the boot itself
    if [ $status = 75 ]; then exit 75; fi
    if [ $status != 0 ] && [ $status != 77 ]; then
        # Before the clean-up takes away what went wrong.
        [ $status = 99 ] || echo "FAIL: exit $status at ${_at-the start}"
        "$AZILR_LAB/collect" "/out/$LAB_NAME"
        status=1
    fi
    for command in "${_cleanups[@]}"; do eval "$command"; done
    exit $status
}
trap _at_exit EXIT
trap 'exit 124' TERM
trap '_at="${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR
set -E

# With the seconds from the scenario's start, to see where its time goes.
step() { printf '\n== %s (at %d s)\n' "$*" $SECONDS; }

fail() {
    local frame=0
    exec >> "$_log"
    printf 'FAIL: %s\n' "$*"
    while caller $frame; do frame=$((frame + 1)); done | awk '{ sub(".*/", "", $3); print "  at " $3 ":" $1 " (" $2 ")" }'
    exit 99
}

# Reboots the guest as an administrator does, and runs the scenario from its top again, with LAB_BOOT one higher than
# before (1 at first).  What is in LAB_WORK and else on the disk is kept; clean-ups must be asked for again.
reboot_host() {
    step "reboot"
    exit 75
}

# The scenario says nothing about a guest that lacks CMD.
requires() {
    local command
    for command in "$@"; do
        command -v "$command" > /dev/null || { echo "SKIP: no $command"; exit 77; }
    done
}

# --- expectations ---

# Runs CMD, keeps its output in $LAB_WORK/stdout and $LAB_WORK/stderr, and wants this exit code.
expect_exit() {
    local want=$1 got=0
    shift
    "$@" > "$LAB_WORK/stdout" 2> "$LAB_WORK/stderr" || got=$?
    sed 's/^/  out: /' "$LAB_WORK/stdout"
    sed 's/^/  err: /' "$LAB_WORK/stderr"
    [ "$got" = "$want" ] || fail "exit $got, not $want: $*"
}

assert_eq() {
    [ "$1" = "$2" ] || fail "${3-not the same}: '$1' and '$2'"
}

# FILE or STRING contains TEXT.
assert_contains() {
    if [ -f "$1" ]; then
        grep -qF -- "$2" "$1" || fail "no '$2' in $1: $(head -c 2000 "$1")"
    else
        [[ $1 == *"$2"* ]] || fail "no '$2' in '$1'"
    fi
}

assert_lacks() {
    if [ -f "$1" ]; then
        ! grep -qF -- "$2" "$1" || fail "'$2' is in $1"
    else
        [[ $1 != *"$2"* ]] || fail "'$2' is in '$1'"
    fi
}

retry_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "still not so: $*"
        sleep 0.1
    done
}

# kernel_log: what the kernel has said since mark_kernel_log; the scenarios of a guest share its buffer.
mark_kernel_log() {
    _kernel_mark="azilr-lab: $(cat /proc/sys/kernel/random/uuid)"
    echo "$_kernel_mark" > /dev/kmsg
}
kernel_log() { dmesg | awk -v mark="$_kernel_mark" 'index($0, mark) { seen = 1 } seen; END { exit !seen }'; }

# Links to disks and stacked devices but azilr's own, which name nothing that the host could take for its own.
links_of_host() { find /dev/disk -lname "*/$1" -not -path '/dev/disk/by-azilr/*'; }

# --- targets by hand, for scenarios without the simulator ---

# What the tests themselves run may carry secrets in its arguments; azilr's children may not.
testside() { AZILR_LAB_TESTSIDE=1 "$@"; }

tgt() { testside tgtadm --lld iscsi "$@"; }

start_tgtd() {
    local port=${1-3260}
    mkdir -p /run/tgtd
    testside tgtd --iscsi "portal=127.0.0.1:$port" 2> /dev/null
    cleanup_fn stop_tgtd
    retry_until 10 tgt --op show --mode sys
}

stop_tgtd() {
    local pid end=$((SECONDS + 5))
    pid=$(pgrep -xo tgtd) || return 0
    # Not the polite way (--op delete --mode system): it refuses while a session is still there.
    kill -KILL "$pid"
    while [ -e "/proc/$pid" ] && [ $SECONDS -lt $end ]; do sleep 0.05; done
    rm -f /run/tgtd/*
}

# target TID IQN USER SECRET IMAGE...
tgt_target() {
    local tid=$1 iqn=$2 user=$3 secret=$4 lun=1 image
    shift 4
    tgt --op new --mode target --tid "$tid" -T "$iqn"
    for image in "$@"; do
        tgt --op new --mode logicalunit --tid "$tid" --lun $lun -b "$image"
        tgt --op update --mode logicalunit --tid "$tid" --lun $lun --params 'vendor_id=MABILR I,product_id=Virtual Disk'
        lun=$((lun + 1))
    done
    tgt --op new --mode account --user "$user" --password "$secret"
    tgt --op bind --mode account --tid "$tid" --user "$user"
    tgt --op bind --mode target --tid "$tid" -I ALL
}
