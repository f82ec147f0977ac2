"""A small machine with cgroup v2, systemd and a stock Debian kernel, emulated: what the build machine may not be.

:mod:`image` makes its disk from Debian's packages, once; :mod:`parcel` makes a second one of what is to be tried;
:mod:`machine` boots both, with no way to any network, and runs commands there.
"""
