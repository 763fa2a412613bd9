# SPDX-License-Identifier: GPL-2.0-or-later
# Sphinx, for the man pages of the package.  QEMU_TREE is build/qemu-src, whose
# extension makes the reference out of the QAPI schema.
import os
import sys

tree = os.environ['QEMU_TREE']
sys.path[:0] = [os.path.join(tree, 'docs/sphinx'), os.path.join(tree, 'scripts')]

project = 'qemu-xen-emu'
extensions = ['qapidoc', 'qapi_domain', 'qmp_lexer']
qapidoc_srctree = tree
root_doc = 'program'
# In the schema are references to other parts of QEMU's manual, and in our options
# to other pages of ours.
suppress_warnings = ['ref.doc', 'ref.ref', 'toc.not_readable']
man_pages = [
    ('program', 'qemu-system-x86_64-xen-emu', 'PC emulator for Xen HVM guests', '',
     1),
    ('qmp', 'qemu-xen-emu-qmp', 'QMP reference of qemu-system-x86_64-xen-emu', '',
     7)]
