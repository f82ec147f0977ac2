"""Embedded clusters that outlive the run that started them, each known by a name.

A cluster ends with the process that lends it; so that it outlives a run, a process of its own lends it, the
:mod:`daemon`, until it is told to end.  :mod:`state` is what it leaves for others to read, below ``kept/NAME`` in the
cache folder, and :mod:`provider` joins a cluster that is there, or starts one.
"""
