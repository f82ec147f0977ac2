"""The existing provider: any cluster that a kubeconfig leads to.

:mod:`canaryproof.kube.kubeconfig` takes one context out of it, :mod:`account_rights` says what may be asked of the
cluster, and :mod:`provider` lends it. What is made there lies in namespaces of our own, and
:mod:`canaryproof.kube.lease` sees that none stays.
"""
