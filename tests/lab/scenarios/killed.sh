#!/bin/bash
# kill -9 of mount after each of its stages, and at moments in between: `unmount --all` from another shell then leaves nothing.
# weight=85
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk linux polls_before_success=0

# Starts mount, waits until it has told of so many stages, and some more, and kills it.
kill_after() { # LINES SECONDS
    local pid line count=0
    mkfifo "$LAB_WORK/progress"
    azilr mount web01 "${point_options[@]}" > "$LAB_WORK/stdout" 2> "$LAB_WORK/progress" &
    pid=$!
    exec 5< "$LAB_WORK/progress"
    while [ $count -lt "$1" ] && read -r line <&5; do
        echo "  $line"
        count=$((count + 1))
    done
    sleep "$2"
    if ! kill -KILL $pid 2> /dev/null; then echo "  (it was through)"; fi
    wait $pid 2> /dev/null || true
    exec 5<&-
    rm "$LAB_WORK/progress"
}

# seconds after stage: right when it has ended, and into the ones that change the host
for moment in 0:0 0:1 0:2 0:3 0:4 0:5 0:6 0:7 0:8 0.15:4 0.15:5; do
    step "killed ${moment%:*} s after stage ${moment#*:}"
    kill_after "${moment#*:}" "${moment%:*}"
    expect_exit 0 azilr unmount --all "${sign_in[@]}"
    assert_nothing_left
done

step "unmount itself killed, and run again"
for delay in 0.05 0.4; do
    expect_exit 0 azilr mount web01 "${point_options[@]}"
    timeout -s KILL $delay azilr unmount --all "${sign_in[@]}" > /dev/null 2>&1 || true
    expect_exit 0 azilr unmount --all "${sign_in[@]}"
    assert_nothing_left
done
