#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# Runs a guest in the L1 VM, in one QEMU after the other:
#
#     moves.sh COUNT
#
# The file "qemu" has QEMU's command line.  When the guest reports moves=, it is
# migrated COUNT times while it runs: to a QEMU that listens on a socket, and every
# second time into a file, which the next QEMU loads.  Then the guest is told on
# hvc0 that it is enough.  The exit status is not 0 if a QEMU fails.

# Starts QEMU number $1 with the further arguments $2; its QMP answers are in qmp$1.
start() {
    mkfifo "qmp$1.in" "qmp$1.out"
    cat "qmp$1.out" >"qmp$1" &
    echo "exec $(cat qemu) -chardev pipe,id=qmp,path=qmp$1 \
        -mon chardev=qmp,mode=control $2" >"command$1"
    sh "./command$1" &
    pid=$!
    # Open until the end, so that no command finds QEMU gone and blocks.
    eval "exec $((4 + $1 % 2))<>qmp$1.in"
    qmp "$1" '{"execute": "qmp_capabilities"}'
    qmp "$1" '{"execute": "migrate-set-capabilities", "arguments":
        {"capabilities": [{"capability": "events", "state": true}]}}'
}

qmp() {
    echo "$2" | tr '\n' ' ' >&$((4 + $1 % 2))
    echo >&$((4 + $1 % 2))
}

# Waits for a line with $2 in file $1, as long as QEMU $3 runs.
wait_for_line() {
    until grep -q "$2" "$1" 2>/dev/null; do
        kill -0 "$3" 2>/dev/null || return 1
        usleep 50000
    done
}

fail() {
    echo "moves.sh: $1" >&2
    # shellcheck disable=SC2046 # a list
    kill $(jobs -p) 2>/dev/null
    exit 1
}

start 0 ''
wait_for_line console.log 'XENEMU: moves=' $pid
for n in $(seq "$1"); do
    from=$((n - 1)) source=$pid
    kill -0 $source 2>/dev/null || break
    if [ $((n % 2)) = 1 ]; then
        uri=unix:move
        start "$n" "-incoming $uri"
        until [ -S move ]; do usleep 50000; done
    else
        uri=file:state
    fi
    qmp $from '{"execute": "migrate", "arguments": {"uri": "'$uri'"}}'
    wait_for_line qmp$from '"status": "completed"' $source ||
        fail "move $n: $(tail -n 1 qmp$from)"
    [ $uri = unix:move ] || start "$n" "-incoming $uri"
    wait_for_line "qmp$n" '"event": "RESUME"' $pid ||
        fail "move $n: the guest does not run on"
    qmp $from '{"execute": "query-migrate"}'
    qmp $from '{"execute": "quit"}'
    wait $source || fail "QEMU $from ended with status $?"
    echo "XENEMU: downtime=$n $(grep -o '"downtime": [0-9]*' qmp$from)" \
        >>console.log
    rm -f move state
done
echo .enough >hvc.in
wait $pid
