// SPDX-License-Identifier: Apache-2.0
// The agent's settings from its environment (chart: downward API and mounts; local cloud: its own). Everything else comes in documents.
import { networkInterfaces } from 'node:os'
import { BlockList, isIPv6 } from 'node:net'
import { z } from 'zod'
import { isNodeName } from '../../lib/contract/subjects.ts'
import { listServers, readEnvironment } from '../../lib/environment.ts'
import { VERSION } from '../../lib/metrics/version.ts'

const absolute = z.string().regex(/^\/([^/\0]+\/?)*$/, 'must be an absolute path')

const Environment = z.object({
  /** The Kubernetes node name. */
  NEPHELE_NODE: z.string().refine(isNodeName, 'must be the name of a Kubernetes node'),
  /** `host:port`, several joined by commas. */
  NEPHELE_NATS_SERVERS: z.string().min(1),
  NEPHELE_NATS_CA_FILE: absolute,
  /** The projected service account token with audience `nephele-nats`. */
  NEPHELE_NATS_TOKEN_FILE: absolute,
  /** The address by which other nodes reach this one. */
  NEPHELE_ADDRESS: z.union([z.ipv4(), z.ipv6()]),
  /** The address on the tunnel network, when it is another. */
  NEPHELE_ENCAP_ADDRESS: z.union([z.ipv4(), z.ipv6()]).optional(),
  /** Alternative to it where all nodes have the same environment: the tunnel network, on which this host has one address. */
  NEPHELE_TUNNEL_NETWORK: z.union([z.cidrv4(), z.cidrv6()]).optional(),
  NEPHELE_STATE_DIR: absolute.default('/var/lib/nephele'),
  NEPHELE_RUN_DIR: absolute.default('/run/nephele'),
  /** Another file where nodes share a kernel, as those of the local cloud do. */
  NEPHELE_BOOT_ID_FILE: absolute.default('/proc/sys/kernel/random/boot_id'),
  /** How many seconds requests to a volume wait for its server before the machine is paused: for tests. */
  NEPHELE_NBD_RECONNECT_SECONDS: z.coerce.number().int().min(1).max(86_400).optional(),
  /** Where files are for the kubelet's probes (vital-signs.ts). Absent: nobody asks. */
  NEPHELE_PROBE_DIR: absolute.optional(),
  /** Where /metrics is served, for a process of this node to pass on (docs/decisions/0085): a unix socket. Absent: nowhere. */
  NEPHELE_METRICS_SOCKET: absolute.optional(),
  NEPHELE_VERSION: z.string().default(VERSION),
})

export interface AgentConfig {
  node: string
  natsServers: string[]
  natsCaFile: string
  natsTokenFile: string
  address: string
  encapAddress: string
  stateDir: string
  runDir: string
  bootIdFile: string
  /** Absent: the compute driver's default. */
  nbdReconnectSeconds?: number | undefined
  probeDir?: string | undefined
  metricsSocket?: string | undefined
  version: string
}

/** @throws with the names of the variables that are missing or invalid */
export function readConfig(environment: NodeJS.ProcessEnv, hostAddresses = listHostAddresses): AgentConfig {
  const env = readEnvironment(Environment, environment, 'agent')
  return {
    node: env.NEPHELE_NODE,
    natsServers: listServers(env.NEPHELE_NATS_SERVERS),
    natsCaFile: env.NEPHELE_NATS_CA_FILE,
    natsTokenFile: env.NEPHELE_NATS_TOKEN_FILE,
    address: env.NEPHELE_ADDRESS,
    encapAddress:
      env.NEPHELE_ENCAP_ADDRESS ?? findInNetwork(env.NEPHELE_TUNNEL_NETWORK, hostAddresses()) ?? env.NEPHELE_ADDRESS,
    stateDir: env.NEPHELE_STATE_DIR,
    runDir: env.NEPHELE_RUN_DIR,
    bootIdFile: env.NEPHELE_BOOT_ID_FILE,
    nbdReconnectSeconds: env.NEPHELE_NBD_RECONNECT_SECONDS,
    probeDir: env.NEPHELE_PROBE_DIR,
    metricsSocket: env.NEPHELE_METRICS_SOCKET,
    version: env.NEPHELE_VERSION,
  }
}

/** @throws when the host has no address there: tunnels over another network than the intended one silently lose large packets */
function findInNetwork(network: string | undefined, addresses: readonly string[]): string | undefined {
  if (network === undefined) return undefined
  const [prefix = '', length] = network.split('/')
  const family = isIPv6(prefix) ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(prefix, Number(length), family)
  const found = addresses.find((address) => isIPv6(address) === (family === 'ipv6') && list.check(address, family))
  if (found === undefined) throw new Error(`NEPHELE_TUNNEL_NETWORK is ${network}, but this host has no address in it`)
  return found
}

function listHostAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map((a) => a.address) ?? [])
}
