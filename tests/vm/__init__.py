"""An emulated machine with cgroup v2, systemd and a stock Debian kernel, which the build machine may lack.

:mod:`image` makes its disk from Debian packages once. :mod:`parcel` makes a second disk with the project.
:mod:`machine` boots both without a network, and runs commands there.
"""
