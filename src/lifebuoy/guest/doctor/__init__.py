"""The doctor: finds why the system on a disk does not boot, and mends it, from outside.

Runs in the rescue system, or on any Linux machine over disks and image files: Python 3.9 or
newer and the usual tools, nothing of the rest of Lifebuoy. ``checks/`` holds one file per check.
"""
