"""Manages kept clusters: named embedded clusters that outlive the run that started them.

A cluster ends with the process that lends it. A kept cluster therefore has a process of its own, the :mod:`daemon`,
which holds it until it gets SIGTERM. :mod:`state` describes the files that this process leaves for other processes,
below ``kept/NAME`` in the cache folder. :mod:`provider` joins an existing cluster or starts one.
"""
