# canaryproof with its prebuilt tools: docs/how-to/docker.md.
# The wheels come from dist/, where `./toxw run -e dist,wheel` puts them. Those that are not there come from the package index.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

# More packages, for a development container.
ARG PACKAGES=""
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates nftables python3-venv runc ${PACKAGES} \
    && rm -rf /var/lib/apt/lists/*

# 1 if dist/ has the wheels of all dependencies too.
ARG PIP_NO_INDEX
COPY constraints.txt dist* /wheels/
RUN python3 -m venv /opt/canaryproof \
    && /opt/canaryproof/bin/pip install --no-cache-dir --constraint /wheels/constraints.txt --find-links /wheels \
        "canaryproof[embedded]" \
    && rm -r /wheels

ENV PATH=/opt/canaryproof/bin:${PATH}
# The cluster's files must not lie in the layers of the container, which are an overlay file system.
VOLUME /root/.cache
WORKDIR /work
ENTRYPOINT ["canaryproof"]
