"""What runs inside the rescue system: package data only, importing nothing of the rest.

``packages.txt`` names the Debian packages, ``modules-left-out.txt`` the kernel modules it does
without, ``init/`` holds start-up, ``bin/`` the helper commands, ``etc/`` the configuration.
"""
