"""Runs Kubernetes in minikube, started with its defaults as in the course.

:mod:`minikube_status` parses the output of the command. :mod:`provider` lends the cluster.
"""
