# The dashboard in a container: `docker compose up` builds and starts it; docs/hosting.md explains the choices.
#
#   TORCH_BUILD       cpu, or pip for an NVIDIA GPU: pip's own build of PyTorch for Linux holds CUDA (several GB).
#   TORCH_INDEX_URL   where the CPU build comes from, if not from PyTorch's own index; install-torch has the rule.
#   REQUIREMENTS      requirements-cluster.txt for an image that computes on a Dask cluster, or is a part of one.
#   --target gpt2     bakes GPT-2's weights in, from the folder gpt2/ beside this file.

ARG PYTHON=3.11-slim-bookworm

# A layer of its own for PyTorch, by far the largest: it stays as it is while everything above it changes.
FROM python:${PYTHON} AS torch
ARG TORCH_VERSION=2.13.0
ARG TORCH_BUILD=cpu
ARG TORCH_INDEX_URL=
RUN ["python3", "-m", "venv", "--without-pip", "/opt/venv"]
COPY install-torch /tmp/
# Without its headers and tests, 180 MB that nothing here reads.
RUN PIP_PYTHON=/opt/venv/bin/python PIP_NO_CACHE_DIR=1 /tmp/install-torch python3 ${TORCH_VERSION} \
    && cd /opt/venv/lib/python3*/site-packages/torch && rm -rf include test bin/test_* bin/protoc*

FROM torch AS packages
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-cluster.txt constraints.txt /tmp/
RUN python3 -m pip --python /opt/venv/bin/python install --no-cache-dir --requirement /tmp/${REQUIREMENTS} \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

# What is made from the source once, so that nothing has to be written when the app runs.
FROM packages AS source
WORKDIR /srv/ioi
COPY app app
COPY cache cache
COPY ioi_core ioi_core
COPY pages pages
COPY .streamlit .streamlit
COPY LICENSE THIRD_PARTY_NOTICES.md ./
RUN ["/opt/venv/bin/python", "-m", "app.hosting.static_files"]
RUN ["/opt/venv/bin/python", "-m", "compileall", "-q", "."]

FROM packages AS app
# A user with no rights and no home; /cache, /model, /models and /lessons are volumes of its own.
RUN groupadd --gid 10001 ioi \
    && useradd --uid 10001 --gid ioi --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ioi \
    && install --directory --owner ioi --group ioi --mode 0700 /cache /model /models /lessons
COPY --from=source /srv/ioi /srv/ioi
WORKDIR /srv/ioi
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HF_HUB_OFFLINE=1 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    IOI_CACHE_DIR=/cache \
    IOI_MODEL_DIR=/model \
    IOI_MODELS=/models \
    IOI_LESSONS=/lessons
USER ioi
VOLUME ["/cache", "/model", "/models", "/lessons"]
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=60s --start-period=120s --retries=3 CMD ["python", "-m", "app.ready"]
CMD ["python", "-m", "app"]

# GPT-2 inside: nothing to mount, nothing to fetch.
FROM app AS gpt2
USER root
COPY --chown=ioi:ioi gpt2/ /weights/
ENV IOI_MODEL_DIR=/weights
USER ioi

# The default target is the last one.
FROM app
