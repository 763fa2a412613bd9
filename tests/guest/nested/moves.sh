#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# Runs a guest in the L1 VM, in one QEMU after the other, or from one state again
# and again:
#
#     moves.sh move COUNT
#     moves.sh back COUNT
#
# The file "qemu" has QEMU's command line.  When the guest reports moves=, it is
# migrated COUNT times while it runs: to a QEMU that listens on a socket, and every
# second time into a file, which the next QEMU loads.  Or its state is saved while
# it runs, and a second later it is set back to that.  Then the guest is told on
# hvc0 that it is enough.  The exit status is not 0 if a QEMU fails.

# Starts QEMU number $1 with the further arguments $2; its QMP answers are in qmp$1.
start() {
    mkfifo "qmp$1.in" "qmp$1.out"
    cat "qmp$1.out" >>"qmp$1" &
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

# Lets QEMU $1 wait for a migration from $2.  It is ready for it when it has
# answered, and it is no sooner that a load can fail.
listen() {
    qmp "$1" '{"execute": "migrate-incoming", "id": "listening", "arguments":
        {"uri": "'"$2"'"}}'
    wait_for_line "qmp$1" '"id": "listening"' "$pid" || fail "QEMU $1 does not listen"
}

qmp() {
    echo "$2" | tr '\n' ' ' >&$((4 + $1 % 2))
    echo >&$((4 + $1 % 2))
}

# Waits for a line that matches $2 in file $1, as long as QEMU $3 runs.
wait_for_line() {
    until grep -Eq "$2" "$1" 2>/dev/null; do
        kill -0 "$3" 2>/dev/null || return 1
        usleep 50000
    done
}

# Tells how each QEMU that is no longer there has ended, and what the last two said.
fail() {
    echo "moves.sh: $1"
    for last in $source $pid; do
        kill -0 "$last" 2>/dev/null && continue
        wait "$last"
        echo "moves.sh: process $last ended with status $?"
    done
    for last in $((n - 1)) "$n"; do
        [ ! -e "qmp$last" ] || tail -n 3 "qmp$last" | sed "s/^/QMP $last: /"
    done
    # shellcheck disable=SC2046 # a list
    kill $(jobs -p) 2>/dev/null
    exit 1
} >&2

# Migrates the guest to QEMU $1, in the way of $2.
move() {
    n=$1 from=$(($1 - 1)) source=$pid
    kill -0 "$source" 2>/dev/null || fail "QEMU $from has ended before move $n"
    if [ "$2" = unix:move ]; then
        start "$n" '-incoming defer'
        listen "$n" "$2"
    fi
    qmp $from '{"execute": "migrate", "arguments": {"uri": "'"$2"'"}}'
    wait_for_line qmp$from '"status": "(completed|failed)"' "$source"
    if ! grep -q '"status": "completed"' qmp$from; then
        qmp $from '{"execute": "query-migrate"}'
        sleep 1
        fail "move $n: not saved"
    fi
    if [ "$2" = file:state ]; then
        start "$n" '-incoming defer'
        listen "$n" "$2"
    fi
    # Only now it has loaded all, and may be told to save.
    wait_for_line "qmp$n" '"status": "completed"' "$pid"
    grep -q '"event": "RESUME"' "qmp$n" ||
        fail "move $n: the guest does not run on"
    # The next of these is that of its own move.
    : >"qmp$n"
    qmp $from '{"execute": "query-migrate"}'
    qmp $from '{"execute": "quit"}'
    wait "$source"
    status=$? source=''
    [ $status = 0 ] || fail "move $n: QEMU $from ended with status $status"
    echo "XENEMU: downtime=$n $(grep -o '"downtime": [0-9]*' qmp$from)" \
        >>console.log
    rm -f move state
}

# Gives a command of HMP to the only QEMU; a good one answers nothing.
monitor() {
    qmp 0 '{"execute": "human-monitor-command", "id": "'"$1 $2"'", "arguments":
        {"command-line": "'"$1"'"}}'
    wait_for_line qmp0 '"id": "'"$1 $2"'"' "$pid"
    grep -F '"id": "'"$1 $2"'"' qmp0 | grep -Fq '"return": ""' ||
        fail "$1, time $2"
}

# The images are raw: what is written, and the states, go to temporary ones.
export TMPDIR="$PWD"
case $1 in
move) start 0 '' ;;
back) start 0 -snapshot ;;
esac
wait_for_line console.log 'XENEMU: moves=' "$pid"
for n in $(seq "$2"); do
    case $1$((n % 2)) in
    move1) move "$n" unix:move ;;
    move0) move "$n" file:state ;;
    back*)
        monitor 'savevm state' "$n"
        sleep 1
        monitor 'loadvm state' "$n"
        echo "XENEMU: set-back=$n" >>console.log
        sleep 1 ;;
    esac
done
echo .enough >hvc.in
wait "$pid"
