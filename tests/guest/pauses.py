# SPDX-License-Identifier: GPL-2.0-or-later
"""Stops and continues a VM over QMP, many times.

The guest requests it with a line on its console that has the number of a port,
on which it gets an event when this is done.
"""
import re
import threading
import time

# The test of tests/bare that requests it.
TEST = 'timer-across-pauses'

COUNT = 20
# Seconds; the timers in the guest are shorter, or not much longer.
STOPPED = 0.02
RUNNING = 0.02

_REQUEST = re.compile(r'pauses: until port (\d+)$')

# A shell script for the L1 VM, around QEMU's command line.  QMP ignores the
# line feeds, which end the script once QEMU has exited.
SCRIPT = '''
(
    echo '{"execute": "qmp_capabilities"}'
    until grep -q '^pauses:' console.log 2>/dev/null; do
        echo
        usleep 50000
    done
    for i in $(seq %d); do
        echo '{"execute": "stop"}'
        usleep %d
        echo '{"execute": "cont"}'
        usleep %d
    done
    port=$(sed -n 's/^pauses: until port //p' console.log)
    echo '{"execute": "xen-event-inject", "arguments": {"port": '"$port"'}}'
) | %%s -qmp stdio
''' % (COUNT, STOPPED * 1e6, RUNNING * 1e6)


def _pause(qmp, port):
    for _ in range(COUNT):
        qmp.execute('stop')
        time.sleep(STOPPED)
        qmp.execute('cont')
        time.sleep(RUNNING)
    qmp.execute('xen-event-inject', port=port)


def serve(machine):
    """Lets @machine, which is not running yet, do what its guest requests."""
    qmp = machine.add_qmp()
    hear = machine.serial.on_line

    def heard(line):
        hear(line)
        request = _REQUEST.match(line)
        if request:
            threading.Thread(target=_pause, daemon=True,
                             args=(qmp, int(request.group(1)))).start()

    machine.serial.on_line = heard
