"""Who may use the server: accounts, what each may do and see, and how a request proves whose it is.

Import the modules: ``model`` (roles and permissions, pure), ``registry`` (accounts and grants),
``sessions`` (browsers), ``keys`` (programs), ``throttle``. The command line needs none of this: it
is its user's own access to libvirt that counts there.
"""
