// SPDX-License-Identifier: Apache-2.0
// What a machine's start costs with nothing around it, on the same node and by the same clients: overlay, define and start of the same
// XML, its tap in the switch. No resource, no queue, no logical network.
import { randomUUID } from 'node:crypto'
import { LibvirtClient } from '../../lib/libvirt/client.ts'
import { Undefine, XmlFlag } from '../../lib/libvirt/constants.ts'
import type { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { byUuid, type Operation } from '../../lib/ovsdb/operations.ts'
import { mapOf, namedUuid, readNumber, setOf, uuidOf } from '../../lib/ovsdb/values.ts'
import { findDomain } from '../../agents/compute/drivers/libvirt/domains.ts'
import { findByName, openSwitchDatabase } from '../../agents/network/drivers/ovs/switch-database.ts'
import { INTEGRATION_BRIDGE } from '../../agents/network/drivers/ovs/plug-plan.ts'
import { tapName } from '../../agents/compute/paths.ts'
import { pathIn } from '../../local/node/node.ts'
import type { Cloud } from '../../local/cloud/cloud.ts'

const DIR = '/var/lib/bare-loop'
const TIMEOUT_MS = 60_000

export class BareLoop {
  readonly #cloud: Cloud
  readonly #node: string
  readonly #libvirt: LibvirtClient
  readonly #switch: OvsdbClient
  readonly #stop = new AbortController()
  #template: Template | undefined

  constructor(cloud: Cloud, node: string) {
    this.#cloud = cloud
    this.#node = node
    const running = cloud.node(node)
    this.#libvirt = new LibvirtClient({
      socketPath: pathIn(running, '/run/libvirt/libvirt-sock'),
      uri: 'qemu:///system',
    })
    this.#switch = openSwitchDatabase({ socketPath: pathIn(running, '/run/openvswitch/db.sock') })
    this.#switch.start(this.#stop.signal)
  }

  /** Takes over the XML of a machine that runs on the node. */
  async copy(uid: string, portUid: string): Promise<void> {
    const domain = await findDomain(this.#libvirt, uid, AbortSignal.timeout(TIMEOUT_MS))
    if (!domain) throw new Error(`no domain of machine ${uid} on node ${this.#node}`)
    const { xml } = await this.#libvirt.call(
      'getXml',
      { domain, flags: XmlFlag.inactive },
      AbortSignal.timeout(TIMEOUT_MS),
    )
    this.#template = toTemplate(xml, uid, tapName(portUid))
    await this.#cloud.exec(this.#node, ['mkdir', '-p', '-m', '711', DIR])
    await this.#switch.ready(AbortSignal.timeout(TIMEOUT_MS))
  }

  /** One machine: milliseconds from nothing to running and plugged, which `onRunning` is told. It is gone when this resolves. */
  async run(onRunning: () => void): Promise<number> {
    const template = this.#template
    if (!template) throw new Error('nothing was copied')
    const uid = randomUUID()
    const tap = tapName(randomUUID())
    const disk = `${DIR}/${uid}.qcow2`
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const xml = template.xml(uid, tap, disk)
    const startedAt = performance.now()
    const backing = ['-F', template.format, '-b', template.base]
    await this.#cloud.exec(this.#node, ['qemu-img', 'create', '-q', '-f', 'qcow2', ...backing, disk, '1G'])
    const { domain } = await this.#libvirt.call('defineXml', { xml, flags: 0 }, signal)
    await this.#libvirt.call('create', { domain, flags: 0 }, signal, TIMEOUT_MS)
    await this.#plug(tap, uid, signal)
    const ms = performance.now() - startedAt
    onRunning()
    await this.#unplug(tap, signal)
    await this.#libvirt.call('destroy', { domain, flags: 0 }, signal)
    await this.#libvirt.call('undefine', { domain, flags: Undefine.nvram }, signal)
    await this.#cloud.exec(this.#node, ['rm', '-f', disk])
    return ms
  }

  async close(): Promise<void> {
    this.#libvirt.close()
    this.#stop.abort()
    await this.#switch.close()
  }

  /** Resolves when the switch has given the port a number. */
  async #plug(tap: string, id: string, signal: AbortSignal): Promise<void> {
    const bridge = findByName(this.#switch, 'Bridge', INTEGRATION_BRIDGE)
    if (!bridge) throw new Error(`node ${this.#node} has no ${INTEGRATION_BRIDGE}`)
    const external_ids = mapOf({ 'iface-id': id })
    const operations: Operation[] = [
      { op: 'insert', table: 'Interface', 'uuid-name': 'iface', row: { name: tap, external_ids } },
      { op: 'insert', table: 'Port', 'uuid-name': 'port', row: { name: tap, interfaces: namedUuid('iface') } },
      {
        op: 'mutate',
        table: 'Bridge',
        where: byUuid(bridge.uuid),
        mutations: [['ports', 'insert', setOf([namedUuid('port')])]],
      },
    ]
    await this.#switch.transact(operations, signal)
    const isNumbered = () =>
      (readNumber(findByName(this.#switch, 'Interface', tap)?.row['ofport']) ?? 0) > 0 || undefined
    await this.#switch.waitUntil(isNumbered, signal)
  }

  async #unplug(tap: string, signal: AbortSignal): Promise<void> {
    const bridge = findByName(this.#switch, 'Bridge', INTEGRATION_BRIDGE)
    const port = findByName(this.#switch, 'Port', tap)
    if (!bridge || !port) return
    const mutations = [['ports', 'delete', setOf([uuidOf(port.uuid)])]] as const
    await this.#switch.transact([{ op: 'mutate', table: 'Bridge', where: byUuid(bridge.uuid), mutations }], signal)
  }
}

interface Template {
  base: string
  format: string
  xml(uid: string, tap: string, disk: string): string
}

/** The same XML under other names: without our mark, so that the agent takes no notice of it. */
function toTemplate(xml: string, uid: string, tap: string): Template {
  const disk = /<source file='([^']*root[^']*)'/.exec(xml)?.[1]
  const backing = /<backingStore type='file'>\s*<format type='([a-z0-9]+)'\/>\s*<source file='([^']+)'/.exec(xml)
  const [, format, base] = backing ?? []
  if (disk === undefined || format === undefined || base === undefined)
    throw new Error('this domain XML has no root disk on a backing file')
  const plain = xml.replace(/<metadata>[\s\S]*?<\/metadata>/, '')
  return {
    base,
    format,
    xml: (newUid, newTap, newDisk) =>
      plain
        .replaceAll(disk, newDisk)
        .replaceAll(/\/var\/lib\/nephele\/console\/[^']+/g, `${newDisk}.log`)
        .replace(/<name>[^<]*<\/name>/, `<name>bare-${newUid}</name>`)
        .replaceAll(uid, newUid)
        .replaceAll(tap, newTap),
  }
}
