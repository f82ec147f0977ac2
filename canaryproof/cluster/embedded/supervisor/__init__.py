"""The code that runs inside the cluster's namespaces: the first process and the processes that it starts.

It imports only the standard library, which keeps its start fast.
"""
