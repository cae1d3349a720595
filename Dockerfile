# Builds a small image that runs one bot: docker build -t botkit . ; see docs/deploy.md.
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The locked packages first: this layer is kept as long as the locks are. The backend is locked too, and stays behind.
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN python -m venv /build \
 && /build/bin/pip install --no-deps --require-hashes -r requirements/build.lock \
 && /build/bin/pip wheel --no-deps --require-hashes --no-build-isolation --use-pep517 \
        --wheel-dir /wheels -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY botkit botkit
COPY bots bots
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python -m venv --without-pip /opt/botkit \
 && /build/bin/pip --python /opt/botkit/bin/python install --no-deps --no-index /wheels/*.whl

FROM ${PYTHON}
RUN groupadd --system --gid 10001 botkit \
 && useradd --system --uid 10001 --gid botkit --home-dir /data --no-create-home botkit \
 && install -d -o botkit -g botkit /data /config
COPY --from=build /opt/botkit /opt/botkit
# Handler modules of one's own lie beside the config and are named by file name.
ENV PATH=/opt/botkit/bin:$PATH PYTHONPATH=/config PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
VOLUME ["/config", "/data"]
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["botkit", "health", "/config/bot.toml"]
ENTRYPOINT ["botkit"]
CMD ["run", "/config/bot.toml"]
