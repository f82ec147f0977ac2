"""Collects the secrets of a run: the credentials of its cluster, and those in the environment of this process."""

from __future__ import annotations

import os

import yaml

from canaryproof.kube.client import KubeClient
from canaryproof.kube.running_cluster import Cluster
from canaryproof.redaction import Redactor, environment_values, kubeconfig_values


def redactor_of(cluster: Cluster, client: KubeClient) -> Redactor:
    """Return a redactor for the credentials of *cluster*, those that *client* uses, and those in the environment.

    Raises OSError when the kubeconfig, which *client* has read before, no longer exists, and yaml.YAMLError when it is
    no longer valid YAML.
    """
    values = (
        set(environment_values(os.environ)) | environment_values(cluster.credentials) | client.connection.credentials
    )
    values |= kubeconfig_values(yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8")))
    return Redactor(values)
