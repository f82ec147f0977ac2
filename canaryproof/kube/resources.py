"""Defines the resources of the Kubernetes API and their paths."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Resource:
    """The resource of one kind. *api* is the path of its API group version: ``/api/v1`` or ``/apis/GROUP/VERSION``."""

    kind: str
    api: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of one object, or of the whole collection if *name* is empty."""
        scope = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        return f"{self.api}{scope}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


NAMESPACES = Resource("Namespace", "/api/v1", "namespaces", namespaced=False)
LEASES = Resource("Lease", "/apis/coordination.k8s.io/v1", "leases")
NODES = Resource("Node", "/api/v1", "nodes", namespaced=False)
RIGHTS = Resource(
    "SelfSubjectAccessReview", "/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews", namespaced=False
)
DEPLOYMENTS = Resource("Deployment", "/apis/apps/v1", "deployments")
PODS = Resource("Pod", "/api/v1", "pods")
SECRETS = Resource("Secret", "/api/v1", "secrets")
SERVICES = Resource("Service", "/api/v1", "services")
ROLES = Resource("Role", "/apis/rbac.authorization.k8s.io/v1", "roles")
ROLE_BINDINGS = Resource("RoleBinding", "/apis/rbac.authorization.k8s.io/v1", "rolebindings")
NETWORK_POLICIES = Resource("NetworkPolicy", "/apis/networking.k8s.io/v1", "networkpolicies")
RESOURCE_QUOTAS = Resource("ResourceQuota", "/api/v1", "resourcequotas")
LIMIT_RANGES = Resource("LimitRange", "/api/v1", "limitranges")
EVENTS = Resource("Event", "/api/v1", "events")
