# shellcheck shell=bash
# What a scenario must not leave to the next one, for the runner in the guest.
#
# left_behind says what is there now and was not at boot; tidy takes it away, so that one failed
# scenario does not spoil those after it.

# outlives a reboot that a scenario asks for
baseline=/var/tmp/azilr-lab-baseline

# One line each, the kind first.  Read from the kernel, so that looking starts no daemon.
host_things() {
    awk '{ print "mount " $5 }' /proc/self/mountinfo
    dmsetup ls 2> /dev/null | awk '$1 != "No" { print "dm " $1 }'
    losetup -n -O NAME 2> /dev/null | awk '{ print "loop " $1 }'
    awk '/^md/ { print "md " $1 }' /proc/mdstat 2> /dev/null || true
    find /sys/class/iscsi_session -mindepth 1 -printf 'session %f\n' 2> /dev/null || true
    find /run/systemd/transient -name 'azilr-*' -printf 'unit %f\n' 2> /dev/null || true
    find /etc/iscsi /var/lib/iscsi /etc/lvm /etc/mdadm -mindepth 1 -printf 'file %p\n' 2> /dev/null || true
    find /run/azilr /var/lib/azilr /mnt/azilr /run/udev/rules.d -printf 'file %p\n' 2> /dev/null || true
}

remember_host() { host_things | sort > "$baseline"; }

left_behind() {
    local group=$1 pid
    host_things | sort | comm -13 "$baseline" -
    while read -r pid; do
        echo "process $pid $(tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null || true)"
    done < "$group/cgroup.procs"
}

# From the top of the stack to its foot; sessions go while the target still answers, for a logout
# from a dead one waits for minutes.
tidy() {
    local group=$1 round kind name
    for round in 1 2 3; do
        while read -r kind name; do
            case $kind in
            mount) umount "$name" || umount -l "$name" ;;
            dm) dmsetup remove "$name" ;;
            md) mdadm --stop "/dev/$name" ;;
            loop) losetup -d "$name" 2> /dev/null ;;
            unit) [ "$round" = 1 ] || systemctl stop "$name" ;;
            esac || true
        done < <(host_things | sort | comm -13 "$baseline" - | sort -r)
        [ "$round" != 1 ] || end_sessions "$group"
    done
    host_things | sort | comm -13 "$baseline" - | sed -n 's/^file //p' | sort -r | while read -r name; do
        rm -rf "$name"
    done
    # Back to the stock state: the socket listens, the daemon does not run.
    systemctl stop iscsid.service 2> /dev/null || true
    systemctl start iscsid.socket 2> /dev/null || true
    systemctl reset-failed 2> /dev/null || true
}

end_sessions() {
    if find /sys/class/iscsi_session -mindepth 1 2> /dev/null | grep -q .; then
        timeout 20 iscsiadm -m session -u || true
    fi
    echo 1 > "$1/cgroup.kill"
}
