"""Charts with a canary and a mistake in its replicas, its port, its Service or the stable app."""

from __future__ import annotations

from tests.corpus.aftermaths import hook
from tests.corpus.mutation import (
    DEPLOYMENT,
    SERVICE,
    STABLE,
    STABLE_SERVICE,
    VALUES,
    Below,
    Delete,
    Edit,
    Everywhere,
    Mutation,
    Replace,
    canary,
    rejected,
)

REPLICAS = "replicas: {{ .Values.replicaCount }}"
PORT = "containerPort: 5003"
PORTS = f"          ports:\n            - {PORT}\n"
SELECTED = "app: {{ .Release.Name }}-canary-app"
CUT_OFF = "stable-serves-during-canary stable-never-down"
"""The checks that fail because clients of the stable app notice the fault."""


SLOW = "readinessProbe: {tcpSocket: {port: 5000}, initialDelaySeconds: 6}"
RECREATED_AND_SLOW = (
    Below(STABLE, "spec:", "  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}"),
    Below(STABLE, "image: {{ .Values.upcommerce.image }}", SLOW),
)
"""An update that removes the old pod first. The stable app is unchanged except for a pause."""


def cut_off(*edits: Edit) -> Mutation:
    """Return the reference with a changed stable app that is unreachable."""
    return rejected("stable-untouched", *edits, follows=CUT_OFF)


def service(old: str, new: str) -> Mutation:
    """Return the reference with a mistake in the canary's Service."""
    return rejected("canary-service", Replace(SERVICE, old, new))


MUTATIONS = {
    # --- replicas
    "two-replicas": rejected("canary-replicas", Replace(DEPLOYMENT, REPLICAS, "replicas: 2")),
    "two-replicas-for-all": rejected("canary-replicas", Replace(VALUES, "replicaCount: 1", "replicaCount: 2")),
    "no-replicas": rejected(
        "canary-replicas",
        Replace(DEPLOYMENT, REPLICAS, "replicas: 0"),
        outcome="not-ready",
        follows="canary-outcome",
    ),
    # --- the container's port
    "port-5000": rejected("canary-port", Replace(DEPLOYMENT, PORT, "containerPort: 5000")),
    "port-5030": rejected("canary-port", Replace(DEPLOYMENT, PORT, "containerPort: 5030")),
    "no-port": rejected("canary-port", Replace(DEPLOYMENT, PORTS, "")),
    "port-5000-in-both": rejected(
        "canary-port canary-service",
        Replace(DEPLOYMENT, PORT, "containerPort: 5000"),
        Everywhere(SERVICE, "5003", "5000"),
    ),
    # --- its Service
    "no-service": rejected("canary-service", Delete(SERVICE)),
    "service-selects-nothing": service(SELECTED, "app: {{ .Release.Name }}-canary"),
    "service-selects-stable": service(SELECTED, "app: {{ .Release.Name }}-app"),
    "service-without-selector": service(f"  selector:\n    {SELECTED}\n", ""),
    "service-on-port-5000": service("port: 5003\n", "port: 5000\n"),
    "service-on-port-80": service("port: 5003\n", "port: 80\n"),
    "service-leads-to-port-5000": service("targetPort: 5003", "targetPort: 5000"),
    "service-leads-to-a-name-that-is-not-there": service("targetPort: 5003", "targetPort: http"),
    "service-speaks-udp": service("protocol: TCP", "protocol: UDP"),
    "service-selects-both": rejected(
        "canary-service",
        *canary("upcommerce-canary-app", "{app: canary, shop: upcommerce}", selector="{app: canary}")[:3],
        Replace(SERVICE, SELECTED, "shop: upcommerce"),
        Replace(
            STABLE,
            "      labels:\n        app: {{ .Release.Name }}-app",
            "      labels:\n        shop: upcommerce\n        app: {{ .Release.Name }}-app",
        ),
    ),
    "stable-service-gets-the-canary-too": rejected(
        "canary-service",
        *canary("upcommerce-canary-app", "{app: upcommerce-app, track: canary}", selector="{track: canary}"),
    ),
    "labels-of-stable": rejected("canary-service", *canary("upcommerce-canary-app", "{app: upcommerce-app}")[:3]),
    # --- stable
    "stable-image-changed": rejected(
        "stable-untouched", Replace(VALUES, "uonyeka/upcommerce:v3", "uonyeka/upcommerce:v4")
    ),
    "stable-port-changed": rejected("stable-untouched", Replace(STABLE, "containerPort: 5000", "containerPort: 5001")),
    "stable-label-changed": cut_off(
        Replace(STABLE, "      labels:\n        app: {{ .Release.Name }}-app", "      labels:\n        app: shop"),
        Replace(STABLE, "    matchLabels:\n      app: {{ .Release.Name }}-app", "    matchLabels:\n      app: shop"),
        Replace(STABLE, "name: {{ .Release.Name }}-app\n", "name: shop\n"),
    ),
    "stable-service-port-changed": cut_off(Replace(STABLE_SERVICE, "port: 5000\n", "port: 80\n")),
    "stable-service-leads-elsewhere": cut_off(Replace(STABLE_SERVICE, "targetPort: 5000", "targetPort: 5003")),
    "stable-service-selects-nothing": cut_off(
        Replace(STABLE_SERVICE, "app: {{ .Release.Name }}-app", "app: {{ .Release.Name }}")
    ),
    "stable-service-gone": cut_off(Delete(STABLE_SERVICE)),
    "stable-gone": cut_off(Delete(STABLE)),
    "stable-asks-for-none": cut_off(Replace(STABLE, REPLICAS, "replicas: 0")),
    "stable-recreated-and-slow": rejected(
        "stable-serves-during-canary", *RECREATED_AND_SLOW, follows="stable-never-down"
    ),
    "stable-down-while-a-hook-runs": rejected(
        "stable-never-down",
        *RECREATED_AND_SLOW,
        hook("post-upgrade", "logs-generator, --log-lines-total=1, --run-duration=12s", policy="hook-succeeded"),
    ),
    # --- more than one mistake
    "two-replicas-on-port-5000": rejected(
        "canary-replicas canary-port",
        Replace(DEPLOYMENT, REPLICAS, "replicas: 2"),
        Replace(DEPLOYMENT, PORT, "containerPort: 5000"),
    ),
    "mistyped-tag-and-no-service": rejected(
        "canary-outcome canary-service",
        Replace(VALUES, "linux-amd64", "linux-amd-64"),
        Delete(SERVICE),
        outcome="image-pull",
    ),
}
"""The mutations by name."""
