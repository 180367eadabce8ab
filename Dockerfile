# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
#
# A machine on which the commands of README.md work as they stand:
#
#   docker build --tag ghn_tf .
#   docker run --rm --interactive --tty ghn_tf
#   make demo
#
# Debian 12 has Python 3.11. Chromium is for the tests of pages alone.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates chromium git make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /ghn_tf
COPY . .
RUN make .venv/.installed-dev
CMD ["bash"]
