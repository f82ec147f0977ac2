"""minikube as the course starts it.

:mod:`minikube_status` reads what the command says; :mod:`provider` lends its cluster.
"""
