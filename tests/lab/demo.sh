#!/bin/bash
# What scripts/demo shows, inside the virtual machine: a backup mounted, a file restored, all of it taken down.
# timeout=300
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

say() { printf '\n%s\n' "$*"; }
type_command() {
    printf '\nroot@web01:~# %s\n' "$*"
    "$@" 2>&1
}

seconds_of() { # NAME COMMAND...: runs it, and keeps how long it took
    local name=$1 start=${EPOCHREALTIME/./}
    shift
    type_command "$@"
    printf -v "$name" '%d.%d' $(((${EPOCHREALTIME/./} - start) / 1000000)) $(((${EPOCHREALTIME/./} - start) / 100000 % 10))
}

disk=$LAB_WORK/disk.img
make_disk_linux "$disk"
lost=/home/anna/Documents/report\ 2026.txt
say "A virtual machine with Debian's stock kernel, iscsid, udev and LVM. In it, a stand-in for Azure's REST service; behind it, a
real iSCSI target with the disk of a Debian server: GPT, EFI partition, ext4 root."
start_azure -- "$disk"
# the stand-in answers by the names of the public cloud, and its CA is one that this machine trusts
mkdir -p /usr/local/share/ca-certificates
cp "$azure/ca.pem" /usr/local/share/ca-certificates/lab.crt
update-ca-certificates > /dev/null 2>&1
AZURE_TENANT_ID=$(azure_fact tenant_id) AZURE_CLIENT_ID=$(azure_fact client_id)
AZURE_CLIENT_SECRET=$(cat "$azure/client-secret")
export AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET
systemctl start iscsid
host_snapshot before

say "The newest backup of the VM web01, in one command:"
seconds_of mounting azilr mount web01 --vault-name vault1 --resource-group rg-backup
session=$(ls /mnt/azilr)
volumes=/mnt/azilr/$session/volumes

say "Its files, read-only:"
type_command find "/mnt/azilr/$session" -maxdepth 4 -not -path '*/usr/*' -not -path '*/.*'
type_command mkdir -p /home/anna/Documents
type_command cp -a "$volumes/disk0p2$lost" /home/anna/Documents/
type_command cat "$lost"
assert_manifest "$disk.root.manifest" "$volumes/disk0p2"
assert_manifest "$disk.efi.manifest" "$volumes/disk0p1"
say "All $(cat "$disk".*.manifest | wc -l) files have the checksums of what went into the backup."
if type_command touch "$volumes/disk0p2/etc/new"; then fail "the backup could be written to"; fi

say "And everything down again:"
seconds_of unmounting azilr unmount web01
type_command azilr status
assert_nothing_left
say "Nothing is left: iSCSI records and sessions, mounts, devices, processes and files of this host are as they were, the
access at Azure is revoked, the target saw no write, and its disk is what it was, byte for byte."
say "From provision to mounted $mounting s, unmounted in $unmounting s."
rm -rf /home/anna /usr/local/share/ca-certificates/lab.crt
update-ca-certificates --fresh > /dev/null 2>&1
