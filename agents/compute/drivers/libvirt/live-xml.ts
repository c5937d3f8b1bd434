// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path'
import { diskOf } from './disk-paths.ts'
import { volumeOfAlias } from './disk-xml.ts'
import { portOfAlias } from './nic-xml.ts'
import { parseXml, type XmlElement } from './xml-element.ts'

export interface LiveVolume {
  uid: string
  alias: string
  /** Such as vdb. */
  target: string
}

export interface LiveDomain {
  volumes: LiveVolume[]
  /** Device names of all disks, ours or not: not available for new ones. */
  targets: string[]
  /** Numbers of its own disks, by the names of their files. */
  rootDisk?: number
  /** The device name of its root disk. */
  rootTarget?: string
  ephemeralDisk?: number
  rescueDisk?: number
  vcpus: number
  memoryMiB: number
  nics: LiveNic[]
  /** Buses of PCIe ports that are there and have no device. */
  freeBuses: number[]
  /** Whether a switch may share the guest's memory. */
  sharesMemory: boolean
  /** Sockets of vhost-user devices: QEMU does not remove them. */
  sockets: string[]
  /** Where its VNC server listens; undefined: it has none, or is off. */
  vncSocket?: string
  /** Of its TPM, where it has one. */
  tpmModel?: string
  /** With its version, such as `pc-q35-10.0`. */
  machineType?: string
}

export interface LiveNic {
  /** Of the port, by the alias; undefined for one that an older agent made. */
  portUid?: string
  /** In lower case. */
  mac: string
  alias: string
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** The parts that we need of a domain's XML as libvirt reports it. */
export function readDomainXml(xml: string): LiveDomain {
  const root = parseXml(xml)
  const volumes: LiveVolume[] = []
  const targets: string[] = []
  const own = new Map<string, number>()
  let rootTarget: string | undefined
  for (const disk of elements(root, 'disk')) {
    const target = elements(disk, 'target')[0]?.getAttribute('dev') ?? ''
    const alias = elements(disk, 'alias')[0]?.getAttribute('name') ?? ''
    const uid = volumeOfAlias(alias)
    if (target !== '') targets.push(target)
    const numbered = diskOf(basename(elements(disk, 'source')[0]?.getAttribute('file') ?? ''))
    if (uid === undefined && numbered) own.set(numbered.kind, numbered.number)
    if (uid === undefined && numbered?.kind === 'root') rootTarget = target
    if (uid !== undefined) volumes.push({ uid, alias, target })
  }
  const number = (name: string): number => Number(elements(root, name)[0]?.textContent ?? 0)
  // libvirt writes memory in KiB, whatever unit it was given.
  const sockets = elements(root, 'interface').flatMap((nic) => {
    if (nic.getAttribute('type') !== 'vhostuser') return []
    return elements(nic, 'source')[0]?.getAttribute('path') ?? []
  })
  const nics = elements(root, 'interface').flatMap((nic) => {
    const mac = elements(nic, 'mac')[0]?.getAttribute('address')?.toLowerCase() ?? ''
    const alias = elements(nic, 'alias')[0]?.getAttribute('name') ?? ''
    const portUid = portOfAlias(alias)
    return MAC.test(mac) ? [{ mac, alias, ...(portUid === undefined ? {} : { portUid }) }] : []
  })
  const ports = elements(root, 'controller').flatMap((controller) =>
    controller.getAttribute('model') === 'pcie-root-port' ? [Number(controller.getAttribute('index'))] : [],
  )
  const used = new Set(elements(root, 'address').flatMap((at) => Number(at.getAttribute('bus') ?? 'none')))
  const freeBuses = ports.filter((bus) => !used.has(bus))
  const sharesMemory = elements(root, 'memoryBacking').some((backing) =>
    elements(backing, 'access').some((access) => access.getAttribute('mode') === 'shared'),
  )
  const vncSocket = elements(root, 'graphics')
    .filter((graphics) => graphics.getAttribute('type') === 'vnc')
    .flatMap((graphics) => elements(graphics, 'listen').map((listen) => listen.getAttribute('socket') ?? ''))
    .find((path) => path !== '')
  const tpmModel = elements(root, 'tpm')[0]?.getAttribute('model') ?? undefined
  const os = elements(root, 'os')[0]
  const machineType = (os && elements(os, 'type')[0]?.getAttribute('machine')) ?? undefined
  const [rootDisk, ephemeralDisk, rescueDisk] = [own.get('root'), own.get('ephemeral'), own.get('rescue')]
  return {
    volumes,
    targets,
    ...(rootDisk === undefined ? {} : { rootDisk }),
    ...(rootTarget === undefined ? {} : { rootTarget }),
    ...(ephemeralDisk === undefined ? {} : { ephemeralDisk }),
    ...(rescueDisk === undefined ? {} : { rescueDisk }),
    nics,
    freeBuses,
    sharesMemory,
    sockets,
    ...(vncSocket === undefined ? {} : { vncSocket }),
    ...(tpmModel === undefined ? {} : { tpmModel }),
    ...(machineType === undefined ? {} : { machineType }),
    vcpus: number('vcpu'),
    memoryMiB: number('memory') / 1024,
  }
}

/** Network servers of its disks, each once. */
export function readDiskServers(xml: string): { host: string; port: number }[] {
  const servers = new Map<string, { host: string; port: number }>()
  for (const source of elements(parseXml(xml), 'source')) {
    if (source.getAttribute('protocol') !== 'nbd') continue
    for (const at of elements(source, 'host')) {
      const [host, port] = [at.getAttribute('name') ?? '', Number(at.getAttribute('port'))]
      if (host !== '' && port > 0) servers.set(`${host} ${port}`, { host, port })
    }
  }
  return [...servers.values()]
}

function elements(parent: XmlElement, name: string): XmlElement[] {
  return Array.from(parent.getElementsByTagName(name))
}
