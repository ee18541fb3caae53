"""A server asked over HTTP: what the command line does where it does not ask libvirt itself.

The other end of ``api``. What it is told becomes the same objects and errors that the core gives,
so that whoever shows them need not know where they came from.
"""
