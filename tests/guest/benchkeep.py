# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps the results of a benchmark of guests: in build/bench, or in docs/ with
--record."""
import os
import shutil
import subprocess
import tempfile

import images
import nested
import paths


def can_keep(options):
    """Called before measuring: with --record, the plot must follow the figures."""
    if options.record and not shutil.which('gnuplot'):
        print('--record needs gnuplot: scripts/deps bench')
        return False
    return True


def keep(name, options, record, text=None, script=None):
    """Writes @record as JSON, @text for documentation to include it as it is,
    and the plot of gnuplot's commands in the list @script, if there are any."""
    out = os.path.join(os.path.dirname(paths.BUILD), 'bench')
    if options.record:
        out = os.path.join(paths.CHECKOUT, 'docs')
    os.makedirs(out, exist_ok=True)
    base = os.path.join(out, name)
    record['qemu'] = nested.qemu_version(options.qemu)
    if options.upstream:
        record['upstream'] = nested.qemu_version(options.upstream)
    nested.write_json(base + '.json', record)
    written = ['.json']
    if text:
        images.write_atomically(base + '.txt', (text + '\n').encode())
        written.append('.txt')
    if script and shutil.which('gnuplot'):
        plot(script, base + '.svg')
        written.append('.svg')
    print('%s: %s' % (os.path.relpath(base), ', '.join(written)))


def plot(script, path):
    with tempfile.NamedTemporaryFile('w', suffix='.gp') as f:
        # The terminal is set first.
        f.write('\n'.join([script[0], 'set output "%s"' % path, *script[1:],
                           'unset multiplot', '']))
        f.flush()
        subprocess.run(['gnuplot', f.name], check=True)
