"""Lends an existing cluster: any cluster that a kubeconfig has a context for.

:mod:`canaryproof.kube.kubeconfig` extracts one context from the kubeconfig. :mod:`account_rights` checks the rights of
the account. :mod:`provider` lends the cluster. A run creates objects only in its own namespaces, and
:mod:`canaryproof.kube.lease` ensures that none of these remains.
"""
