#!/bin/bash
# Mounts and unmounts that race, and an unmount that is killed at whatever moment, leave nothing that one more unmount does
# not remove.
# weight=106
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk lvm_small polls_before_success=0

step "five rounds of a mount and an unmount that race"
for round in 1 2 3 4 5; do
    azilr mount web01 "${point_options[@]}" > "$LAB_WORK/mount.out" 2>&1 &
    mount=$!
    # wherever the mount is by then
    retry_until 30 sh -c 'ls /run/azilr/sessions/*/state.json'
    sleep "0.$((round * 2 - 1))"
    azilr unmount --all "${sign_in[@]}" > "$LAB_WORK/unmount.out" 2>&1 &
    unmount=$!
    code=0 other=0
    wait $mount || code=$?
    wait $unmount || other=$?
    echo "# round $round: mount ended with $code, unmount with $other"
    case $code:$other in
    0:0 | 0:7) ;;
    *) fail "the mount: $(cat "$LAB_WORK/mount.out"); the unmount: $(cat "$LAB_WORK/unmount.out")" ;;
    esac
    expect_exit 0 azilr unmount --all "${sign_in[@]}"
    assert_nothing_left
done

step "an unmount that is killed, and one more"
for delay in 0.1 0.5 1 1.5; do
    expect_exit 0 azilr mount web01 "${point_options[@]}"
    timeout -s KILL $delay azilr unmount --all "${sign_in[@]}" > /dev/null 2>&1 || true
    expect_exit 0 azilr unmount --all "${sign_in[@]}"
    assert_nothing_left
done
