# Everything that building and using the project needs, on Debian 12.
#
#   docker build -t pi-mlir .
#   docker run --rm -it pi-mlir scripts/demo
#   docker run --rm -it --gpus all pi-mlir scripts/demo     # with an NVIDIA GPU
#
# The first stage holds the packages alone; the development container uses it.

FROM debian:12 AS packages
WORKDIR /pi-mlir
COPY scripts/debian-packages.txt scripts/
RUN apt-get update \
    && grep -v '^#' scripts/debian-packages.txt \
       | DEBIAN_FRONTEND=noninteractive xargs apt-get install --yes --no-install-recommends \
    && rm -rf /var/lib/apt/lists/*

FROM packages AS project
# Apart from the sources, so that a change of them keeps this layer.
COPY requirements.txt ./
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --no-deps --disable-pip-version-check \
       -r requirements.txt
COPY . .
RUN scripts/setup
CMD ["bash"]
