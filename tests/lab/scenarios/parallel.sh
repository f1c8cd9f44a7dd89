#!/bin/bash
# Several encrypted volumes, volume groups and arrays are each opened at the same time: each one's command waits for those
# of all the others, and would wait in vain if they came one after the other. With the time against that of one.
# weight=125
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires lvcreate mdadm cryptsetup
cd "$LAB_WORK" || exit
mkdir small
echo -n 'correct horse' > key
chmod 600 key
# as many as do not take too long to make
declare -A counts=([luks]=8 [group]=4 [array]=4)

# Puts a file that tells which one it is into a file system on the device.
fill_small() { # DEVICE WHICH
    echo "$2" > small/which
    mke2fs -q -t ext2 -d small "$1"
}

make_luks() { # IMAGE
    local loop
    truncate -s 20M "$1"
    cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key "$1"
    loop=$(losetup -f --show "$1")
    cryptsetup open --key-file key "$loop" made
    fill_small /dev/mapper/made "$1"
    cryptsetup close made
    _detach "$loop"
}

# Each of the same name, as the disks of machines made of one image have it.
make_group() { # IMAGE
    local loop
    truncate -s 20M "$1"
    loop=$(losetup -f --show "$1")
    local only=(--devices "$loop" -q --config 'backup { backup = 0 archive = 0 }')
    {
        vgcreate "${only[@]}" vgdata "$loop"
        lvcreate "${only[@]}" -y -Wn -n home -l 100%FREE vgdata
    } > /dev/null
    fill_small /dev/vgdata/home "$1"
    vgchange "${only[@]}" -an vgdata > /dev/null
    _detach "$loop"
}

make_array() { # IMAGE
    local loop
    truncate -s 20M "$1"
    loop=$(losetup -f --show "$1")
    mdadm --create /dev/md/made --quiet --run --force --level=1 --raid-devices=1 --metadata=1.2 --homehost=web01 \
        --name="${1%.img}" "$loop" 2> /dev/null
    udevadm settle
    fill_small /dev/md/made "$1"
    mdadm --stop --quiet /dev/md/made
    _detach "$loop"
}

step "making them"
for kind in luks group array; do
    for ((i = 0; i < counts[$kind]; i++)); do make_$kind $kind$i.img; done
done

rm -f /etc/lvm/{archive,backup}/vg*
# Commands that open one wait for each other: $meeting/together is how many there have to be.
meeting=/run/lab-meeting
mkdir $meeting
apart() {
    local command
    for command in cryptsetup lvchange mdadm; do [ ! -e /sbin/$command.lab ] || mv /sbin/$command.lab /sbin/$command; done
    rm -rf $meeting
}
cleanup_fn apart
meet_in() { # COMMAND PATTERN REAL...: those calls of COMMAND whose arguments are like this
    local command=$1 pattern=$2
    shift 2
    mv "/sbin/$command" "/sbin/$command.lab"
    cat > "/sbin/$command" << SH
#!/bin/sh
all() { [ \$# -ge "\$together" ]; }
case " \$* " in $pattern)
    : > $meeting/here.\$\$
    read -r together < $meeting/together
    tries=0
    until all $meeting/here.*; do
        tries=\$((tries + 1))
        [ \$tries -lt 1500 ] || { echo "the others do not come" >&2; exit 9; }
        sleep 0.1
    done ;;
esac
exec $* "\$@"
SH
    chmod +x "/sbin/$command"
}
meet_in cryptsetup "*' open '*" /sbin/cryptsetup.lab
meet_in lvchange "*' -ay '*" lvm lvchange
meet_in mdadm "*' --assemble '*" /sbin/mdadm.lab

systemctl start iscsid
host_snapshot before

# mount_kind KIND COUNT: mounts that many, checks each, and says how long that took.
mount_kind() {
    local kind=$1 count=$2 images=() i session start end
    step "$count of $kind"
    for ((i = 0; i < count; i++)); do images+=("$PWD/$kind$i.img"); done
    rm -f $meeting/here.*
    echo "$count" > $meeting/together
    start_azure -- "${images[@]}"
    azure_set polls_before_success=0
    start=${EPOCHREALTIME/./}
    expect_exit 0 azilr mount web01 "${point_options[@]}" --key-file key
    end=${EPOCHREALTIME/./}
    session=$(ls /mnt/azilr)
    cat /mnt/azilr/"$session"/volumes/*/which | sort > found
    for ((i = 0; i < count; i++)); do echo "$kind$i.img"; done | diff - found || fail "not all are there"
    awk "BEGIN { printf \"TIME mount %d of %s: %.1f s\n\", $count, \"$kind\", ($end - $start) / 1e6 }"
    expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
    assert_nothing_left
    stop_azure
}

for kind in group array luks; do
    mount_kind $kind 1
    mount_kind $kind "${counts[$kind]}"
done
