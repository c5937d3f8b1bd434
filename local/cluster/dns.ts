// SPDX-License-Identifier: Apache-2.0
// The cluster's DNS: Services and members of headless ones, asked of the apiserver at each question. It knows no other names.
// https://github.com/kubernetes/dns/blob/master/docs/specification.md, RFC 1035
import { createSocket, type Socket } from 'node:dgram'
import type { KubeReader } from '../../lib/kube/client.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'

const DOMAIN = ['svc', 'cluster', 'local']
const TTL_SECONDS = 5
const TYPE_A = 1
const NO_ERROR = 0
const SERVER_FAILURE = 2
const NO_SUCH_NAME = 3
const HEADER_BYTES = 12

const SERVICE: ResourceKind = { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true }
const ENDPOINT_SLICE: ResourceKind = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
}

interface Service extends KubeObject {
  spec: { clusterIP?: string; publishNotReadyAddresses?: boolean }
}
interface EndpointSlice extends KubeObject {
  endpoints?: { addresses: string[]; hostname?: string; conditions?: { ready?: boolean } }[] | null
}

export interface Question {
  id: number
  labels: string[]
  type: number
  /** The question as it came, to be sent back. */
  bytes: Buffer
}

/** Undefined: not a query with one question. */
export function parseQuery(packet: Buffer): Question | undefined {
  if (packet.length < HEADER_BYTES || (packet.readUInt8(2) & 0x80) !== 0 || packet.readUInt16BE(4) !== 1)
    return undefined
  const labels: string[] = []
  let at = HEADER_BYTES
  for (;;) {
    const length = packet[at]
    if (length === undefined || length > 63) return undefined
    at += 1
    if (length === 0) break
    labels.push(packet.toString('latin1', at, at + length).toLowerCase())
    at += length
  }
  if (packet.length < at + 4) return undefined
  return {
    id: packet.readUInt16BE(0),
    labels,
    type: packet.readUInt16BE(at),
    bytes: packet.subarray(HEADER_BYTES, at + 4),
  }
}

/** Addresses are IPv4. */
export function buildAnswer(question: Question, code: number, addresses: readonly string[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(question.id, 0)
  // An authoritative answer that recursion was asked of and is not available.
  header.writeUInt16BE(0x8500 | code, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(addresses.length, 6)
  const records = addresses.map((address) => {
    const record = Buffer.alloc(16)
    // The name is the question's.
    record.writeUInt16BE(0xc000 | HEADER_BYTES, 0)
    record.writeUInt16BE(TYPE_A, 2)
    record.writeUInt16BE(1, 4)
    record.writeUInt32BE(TTL_SECONDS, 6)
    record.writeUInt16BE(4, 10)
    record.set(address.split('.').map(Number), 12)
    return record
  })
  return Buffer.concat([header, question.bytes, ...records])
}

/** The addresses of a name of the cluster; undefined: there is no such name. */
export async function resolveName(reader: KubeReader, labels: readonly string[]): Promise<string[] | undefined> {
  const [domain, name] = [labels.slice(-DOMAIN.length), labels.slice(0, -DOMAIN.length)]
  if (domain.join('.') !== DOMAIN.join('.')) return undefined
  const [namespace, serviceName, member] = name.toReversed()
  if (namespace === undefined || serviceName === undefined || name.length > 3) return undefined
  // What is no name in Kubernetes is not asked for.
  if (![namespace, serviceName].every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label))) return undefined
  const service = await reader.find<Service>(SERVICE, { namespace, name: serviceName })
  if (!service) return undefined
  const { clusterIP, publishNotReadyAddresses } = service.spec
  if (clusterIP !== 'None') return member === undefined && clusterIP ? [clusterIP] : undefined
  const labelSelector = `kubernetes.io/service-name=${serviceName}`
  const slices = await reader.list<EndpointSlice>(ENDPOINT_SLICE, { namespace, labelSelector })
  const addresses = slices
    .flatMap((slice) => slice.endpoints ?? [])
    .filter((endpoint) => publishNotReadyAddresses === true || endpoint.conditions?.ready !== false)
    .filter((endpoint) => member === undefined || endpoint.hostname === member)
    .flatMap((endpoint) => endpoint.addresses)
  return member !== undefined && addresses.length === 0 ? undefined : addresses
}

/** Answers by UDP until closed. */
export async function startDns(
  reader: KubeReader,
  address: string,
): Promise<{ port: number; close: () => Promise<void> }> {
  const socket = createSocket('udp4')
  socket.on('message', (packet, from) => {
    const question = parseQuery(packet)
    if (question) void answer(reader, question).then((bytes) => socket.send(bytes, from.port, from.address))
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, address, resolve)
  })
  return { port: socket.address().port, close: () => closeSocket(socket) }
}

async function answer(reader: KubeReader, question: Question): Promise<Buffer> {
  try {
    const addresses = await resolveName(reader, question.labels)
    if (!addresses) return buildAnswer(question, NO_SUCH_NAME, [])
    return buildAnswer(question, NO_ERROR, question.type === TYPE_A ? addresses : [])
  } catch {
    // The resolver asks again.
    return buildAnswer(question, SERVER_FAILURE, [])
  }
}

function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()))
}
