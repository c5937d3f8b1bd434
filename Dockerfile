# SPDX-License-Identifier: Apache-2.0
# One target per process: docker build --target operator|agent|console|ovn-central -t … .   Run `npm run build` first: dist/ holds each
# process as one file with all that it imports, so that no node_modules and no package manager is in an image.
ARG BASE=debian:trixie-slim
ARG NODE=node:24-trixie-slim

FROM ${NODE} AS node

FROM ${BASE} AS ovn-central
RUN apt-get update \
  && apt-get install --no-install-recommends -y ovn-central \
  && rm -rf /var/lib/apt/lists/*
USER 65532:65532

FROM ${BASE} AS operator
# Of the very version of OVN that made the flows; these are its libraries.
COPY --from=ovn-central /usr/bin/ovn-trace /usr/bin/ovn-trace
RUN apt-get update \
  && apt-get install --no-install-recommends -y libcap-ng0 libssl3t64 libunbound8 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY dist/operator.mjs dist/operator.mjs.map dist/bootstrap.mjs dist/bootstrap.mjs.map dist/install-check.mjs dist/install-check.mjs.map \
  dist/support-bundle.mjs dist/support-bundle.mjs.map /app/
COPY LICENSE /app/
USER 65532:65532
ENV NODE_ENV=production
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=2", "--memory-saver-mode"]
CMD ["/app/operator.mjs"]

FROM ${BASE} AS console
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY dist/console.mjs dist/console.mjs.map /app/
COPY dist/console-page/ /app/console-page/
COPY LICENSE /app/
USER 65532:65532
ENV NODE_ENV=production
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=2"]
CMD ["/app/console.mjs"]

# Root: it works on the node's taps, namespaces and sockets. qemu-img makes and resizes disks, ip, ethtool and nsenter make metadata
# namespaces and reach the node's systemd, mtools writes config drives, the node's resolver and what passes its metrics on are processes of their own in the same image; hypervisor, switch and storage daemons are the node's own.
FROM ${BASE} AS agent
RUN apt-get update \
  && apt-get install --no-install-recommends -y ca-certificates ethtool iproute2 mtools qemu-utils util-linux \
  && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY dist/agent.mjs dist/agent.mjs.map dist/inspect-worker.mjs dist/inspect-worker.mjs.map \
  dist/resolver.mjs dist/resolver.mjs.map dist/metrics-relay.mjs dist/metrics-relay.mjs.map /app/
COPY LICENSE /app/
# Threads for file work: a pool whose disk hangs keeps some of them (agents/node/file-threads.ts).
ENV NODE_ENV=production UV_THREADPOOL_SIZE=32
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=2"]
CMD ["/app/agent.mjs"]
