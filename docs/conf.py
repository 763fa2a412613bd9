# SPDX-License-Identifier: GPL-2.0-or-later
# Sphinx, as QEMU's own documentation is built.
project = 'qemu-xen-emu'
copyright = 'the qemu-xen-emu developers'
extensions = []
master_doc = 'index'
source_suffix = '.rst'
exclude_patterns = ['_build']
html_theme = 'alabaster'
nitpicky = True
