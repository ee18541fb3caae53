"""Consoles of instances for who is not at the host: screen (VNC), serial port, still pictures.

Import the modules: ``tickets`` and ``seats`` (who may open one, pure but for their memory),
``channel`` (a byte stream to the screen), ``rfb`` and ``keys`` (what passes through it, pure),
``pictures``, ``viewer`` (for a viewer outside the browser, pure), ``ending`` (why one ends). The
serial port itself is ``hypervisor.SerialConsole``, for the command line and for a server alike.
"""
