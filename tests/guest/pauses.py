# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that is stopped and continued over QMP, again and again.

The guest asks for it by a line on its console, with the number of a port;
an event there tells it that it was the last time.
"""
import re
import threading
import time

# The test of tests/bare that asks for it.
TEST = 'timer-across-pauses'

COUNT = 20
# Seconds: what timers are armed for in the guest is shorter or not much longer.
STOPPED = 0.02
RUNNING = 0.02

_REQUEST = re.compile(r'pauses: until port (\d+)$')

# For the machine in the middle of the nested run, around QEMU's command line.
# The line feeds, which QMP ignores, end it when QEMU has gone.
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
    """Has @machine, which does not run yet, do what its guest asks for."""
    qmp = machine.add_qmp()
    hear = machine.serial.on_line

    def heard(line):
        hear(line)
        request = _REQUEST.match(line)
        if request:
            threading.Thread(target=_pause, daemon=True,
                             args=(qmp, int(request.group(1)))).start()

    machine.serial.on_line = heard
