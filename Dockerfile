# One image per service, each with only what that service needs: docker build --target embedding .
# docker compose build makes all of them. Another package index than the default comes from the
# environment (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL) and stays in no image.

FROM python:3.11-slim AS packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /venv
# Installs what one service requires; every file must have the hash that is written down.
COPY --chmod=755 <<"SCRIPT" /usr/local/bin/install-for
#!/bin/sh
exec pip --python /venv/bin/python install --require-hashes --only-binary :all: \
    -r "/requirements/$1.txt"
SCRIPT

# The web page; its tools come by a wheel with Node, and stay in no image. One that cannot be built
# keeps nothing else from running: the gateway says at / what helps.
FROM packages AS page
ARG NPM_CONFIG_REGISTRY
COPY requirements/node.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --only-binary :all: -r /requirements/node.txt
COPY services/gateway/page /src/services/gateway/page
RUN --mount=type=cache,target=/root/.npm cd /src/services/gateway/page \
    && { PYTHON=python ./npm.sh ci --no-audit --no-fund && PYTHON=python ./npm.sh run build; } \
    || { echo "The web page could not be built (above); build again with --no-cache for it." >&2; \
         mkdir -p /src/services/gateway/page/dist; }

# The project itself: its packages, and its metadata, which holds the version.
FROM packages AS project
COPY requirements/build.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --only-binary :all: -r /requirements/build.txt
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE /src/
COPY shared /src/shared
COPY services /src/services
COPY examples /src/examples
COPY --from=page /src/services/gateway/page/dist /src/services/gateway/page/dist
RUN pip install --no-deps --no-build-isolation --no-index --target /project /src \
    && mv /project/mapstream-*.dist-info /project/mapstream.dist-info

FROM python:3.11-slim AS runtime
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
    MAPSTREAM_LOG__FORMAT=json MAPSTREAM_STATE__FOLDER=/state MAPSTREAM_OUTPUT__FOLDER=/output MAPSTREAM_BLOBS__FOLDER=/blobs \
    MAPSTREAM_HEALTH__HOST=0.0.0.0 MAPSTREAM_HEALTH__PORT=9000 \
    MAPSTREAM_GATEWAY__HOST=0.0.0.0 MAPSTREAM_TEXT2VEC__HOST=0.0.0.0
# What is mounted there may belong to whichever user the container runs as.
RUN mkdir -m 1777 /state /output /blobs
WORKDIR /app
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "shared.observability.probe", "http://127.0.0.1:9000/ready"]
COPY --link --from=project /project/mapstream.dist-info /app/mapstream.dist-info
COPY --link --from=project /project/shared /app/shared
COPY --link --from=project /project/services/__init__.py /app/services/

FROM packages AS discovery-packages
COPY requirements/discovery.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for discovery
FROM runtime AS discovery
COPY --link --from=discovery-packages /venv /venv
COPY --link --from=project /project/services/discovery /app/services/discovery
CMD ["python", "-m", "services.discovery"]

FROM packages AS embedding-packages
COPY requirements/embedding.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for embedding
FROM runtime AS embedding
COPY --link --from=embedding-packages /venv /venv
COPY --link --from=project /project/services/embedding /app/services/embedding
CMD ["python", "-m", "services.embedding"]

FROM packages AS projection-packages
COPY requirements/projection.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for projection
FROM runtime AS projection
COPY --link --from=projection-packages /venv /venv
COPY --link --from=project /project/services/projection /app/services/projection
CMD ["python", "-m", "services.projection"]

FROM packages AS writing-packages
COPY requirements/writing.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for writing
FROM runtime AS writing
COPY --link --from=writing-packages /venv /venv
COPY --link --from=project /project/services/writing /app/services/writing
CMD ["python", "-m", "services.writing"]

FROM packages AS gateway-packages
COPY requirements/gateway.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for gateway
FROM runtime AS gateway
COPY --link --from=gateway-packages /venv /venv
COPY --link --from=project /project/services/gateway /app/services/gateway
CMD ["python", "-m", "services.gateway"]

FROM packages AS courier-packages
COPY requirements/courier.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for courier
FROM runtime AS courier
COPY --link --from=courier-packages /venv /venv
COPY --link --from=project /project/services/courier /app/services/courier
CMD ["python", "-m", "services.courier"]

FROM packages AS labels-packages
COPY requirements/labels.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for labels
FROM runtime AS labels
COPY --link --from=labels-packages /venv /venv
COPY --link --from=project /project/services/labels /app/services/labels
CMD ["python", "-m", "services.labels"]

FROM packages AS text2vec-packages
COPY requirements/text2vec.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for text2vec
FROM runtime AS text2vec
COPY --link --from=text2vec-packages /venv /venv
COPY --link --from=project /project/services/text2vec /app/services/text2vec
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["python", "-m", "shared.observability.probe", "http://127.0.0.1:8081/ready"]
CMD ["python", "-m", "services.text2vec"]

FROM packages AS cli-packages
COPY requirements/cli.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip install-for cli
FROM runtime AS cli
COPY --link --from=cli-packages /venv /venv
COPY --link --from=project /project/services/cli /app/services/cli
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "services.cli"]
CMD ["--help"]

# The official server, with a place for its store that any user may write to.
FROM nats:2.12-alpine AS nats
RUN mkdir -m 1777 /data
USER 10001:10001
