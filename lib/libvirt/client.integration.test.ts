// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { LibvirtClient } from './client.ts'
import { DomainState, METADATA_ELEMENT, ShutoffReason, Start, Undefine } from './constants.ts'
import {
  isDisconnected,
  isInvalidRequest,
  isNoDomain,
  isNoMetadata,
  isOperationInvalid,
  LibvirtError,
} from './error.ts'
import type { DomainEvent } from './events.ts'
import { until } from '../time/until.ts'
import { startLibvirtNode, type LibvirtNode } from './testing/libvirt-node.ts'

const signal = new AbortController().signal
const UUID = '11111111-2222-4333-8444-555555555555'
const uuid = Buffer.from(UUID.replaceAll('-', ''), 'hex')
let node: LibvirtNode

beforeAll(async () => {
  node = await startLibvirtNode()
}, 120_000)
afterAll(() => node.stop())

describe('test:///default', () => {
  let client: LibvirtClient
  beforeAll(() => {
    client = new LibvirtClient({ socketPath: node.socketPath, uri: 'test:///default' })
  })
  afterAll(() => client.close())

  test('knows its node and lists its domains', async () => {
    const info = await client.call('nodeGetInfo', undefined, signal)
    expect(info.cpus).toBeGreaterThan(0)
    expect(String.fromCharCode(...info.model.filter((c) => c !== 0))).toMatch(/^[\w-]+$/)
    const { domains } = await client.call('listAllDomains', { needResults: 1, flags: 0 }, signal)
    expect(domains.map((d) => d.name)).toContain('test')
    expect((await client.call('getCapabilities', undefined, signal)).xml).toContain('<capabilities>')
    expect((await client.call('getLibVersion', undefined, signal)).version).toBeGreaterThan(9_000_000n)
  })

  test('define, start, metadata, destroy and undefine, with events, in a few milliseconds', async () => {
    const events: DomainEvent[] = []
    const stop = new AbortController()
    const connected = Promise.withResolvers<undefined>()
    const watching = client.watch(
      {
        event: (e) => void events.push(e),
        connected: () => connected.resolve(undefined),
        lost: (e) => connected.reject(e),
      },
      stop.signal,
    )
    await connected.promise
    const xml = `<domain type='test'><name>t1</name><uuid>${UUID}</uuid><memory>8192</memory><os><type>hvm</type></os></domain>`
    const startedAt = performance.now()
    const { domain } = await client.call('defineXml', { xml, flags: 0 }, signal)
    const running = await client.call('create', { domain, flags: 0 }, signal)
    expect(running.domain.id).toBeGreaterThan(0)
    expect((await client.call('getState', { domain, flags: 0 }, signal)).state).toBe(DomainState.running)
    await client.call('suspend', { domain }, signal)
    expect((await client.call('getState', { domain, flags: 0 }, signal)).state).toBe(DomainState.paused)
    await client.call('resume', { domain }, signal)
    expect(await client.call('getInfo', { domain }, signal)).toMatchObject({ memoryKiB: 8192n, vcpus: 1 })
    const uri = 'https://nephele.dev/libvirt/1'
    const noMetadata = client.call('getMetadata', { domain, type: METADATA_ELEMENT, uri, flags: 0 }, signal)
    expect(isNoMetadata(await noMetadata.catch((e: unknown) => e))).toBe(true)
    await client.call(
      'setMetadata',
      { domain, type: METADATA_ELEMENT, metadata: '<a b="1"/>', key: 'n', uri, flags: 0 },
      signal,
    )
    const { metadata } = await client.call('getMetadata', { domain, type: METADATA_ELEMENT, uri, flags: 0 }, signal)
    expect(metadata).toContain('b="1"')
    await client.call('destroy', { domain, flags: 0 }, signal)
    const state = await client.call('getState', { domain, flags: 0 }, signal)
    expect(state).toEqual({ state: DomainState.shutoff, reason: ShutoffReason.destroyed })
    const again = await client.call('destroy', { domain, flags: 0 }, signal).catch((e: unknown) => e)
    expect(isOperationInvalid(again)).toBe(true)
    await client.call('undefine', { domain, flags: Undefine.managedSave }, signal)
    console.log(`test:///default, 12 calls: ${(performance.now() - startedAt).toFixed(1)} ms`)
    await until(() => events.length >= 6, 'six events', 2_000)
    expect(events.map((e) => (e.kind === 'lifecycle' ? e.event : e.kind))).toEqual([0, 2, 3, 4, 5, 1])
    expect(events.every((e) => e.domain.uuid.equals(uuid))).toBe(true)
    stop.abort()
    await watching
  })

  test('errors keep their code', async () => {
    const missing = await client.call('lookupByUuid', { uuid: Buffer.alloc(16, 7) }, signal).catch((e: unknown) => e)
    expect(missing).toBeInstanceOf(LibvirtError)
    expect(isNoDomain(missing)).toBe(true)
    const broken = await client.call('defineXml', { xml: '<domain', flags: 0 }, signal).catch((e: unknown) => e)
    expect(isInvalidRequest(broken)).toBe(true)
  })

  test('two hundred calls at once queue behind the daemon’s limit', async () => {
    const results = await Promise.all(Array.from({ length: 200 }, () => client.call('getVersion', undefined, signal)))
    expect(new Set(results.map((r) => r.version)).size).toBe(1)
  })

  test('an aborted call gives up and leaves the connection usable', async () => {
    await expect(client.call('getVersion', undefined, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    await expect(client.call('getVersion', undefined, signal)).resolves.toBeDefined()
  })
})

describe('qemu:///system', () => {
  const uri = 'qemu:///system'
  const xml = `<domain type='qemu'><name>q1</name><uuid>${UUID}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='q35'>hvm</type><bios useserial='yes'/></os>
    <devices><serial type='pty'/><console type='pty'><target type='serial'/></console><memballoon model='virtio'/></devices></domain>`

  test('a guest that only has firmware: console, statistics, a killed daemon', async () => {
    const client = new LibvirtClient({ socketPath: node.socketPath, uri })
    expect((await client.call('getVersion', undefined, signal)).version).toBeGreaterThan(7_000_000n)
    const capabilities = await client.call(
      'getDomainCapabilities',
      { emulator: undefined, arch: 'x86_64', machine: 'q35', virtType: 'qemu', flags: 0 },
      signal,
    )
    expect(capabilities.xml).toContain('pc-q35')
    const seen = { connected: 0, lost: 0 }
    const stop = new AbortController()
    const watching = client.watch(
      { event: () => undefined, connected: () => seen.connected++, lost: () => seen.lost++ },
      stop.signal,
    )

    const { domain } = await client.call('defineXml', { xml, flags: 0 }, signal)
    let at = performance.now()
    // Paused: what the firmware prints must not be over before the console is open.
    const { domain: running } = await client.call('create', { domain, flags: Start.paused }, signal)
    console.log(`qemu create: ${(performance.now() - at).toFixed(0)} ms`)
    const console1 = await client.openConsole(running, 0, signal)
    let output = ''
    console1.on('error', () => undefined) // the one that is taken over is told so
    console1.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')))
    await client.call('resume', { domain: running }, signal)
    await until(
      () => output.includes('SeaBIOS') || output.includes('iPXE') || output.includes('No bootable'),
      'firmware',
      15_000,
    )
    console1.write('x'.repeat(1000))
    const taken = await client.openConsole(running, 1, signal) // by force
    await until(() => console1.destroyed, 'taken over', 5_000)
    taken.end()
    const stats = await client.call('memoryStats', { domain: running, maxStats: 32, flags: 0 }, signal)
    expect(stats.stats.length).toBeGreaterThan(0)

    await until(() => seen.connected === 1, 'connected', 5_000)
    const pending = client.call('getVersion', undefined, signal)
    await pending
    await node.killLibvirtd()
    const away = await client.call('getVersion', undefined, signal).catch((e: unknown) => e)
    expect(isDisconnected(away)).toBe(true)
    at = performance.now()
    await node.startLibvirtd()
    await until(() => seen.connected === 2, 'connected again', 15_000)
    console.log(`reconnected ${(performance.now() - at).toFixed(0)} ms after libvirtd was started again`)
    expect(seen.lost).toBeGreaterThan(0)
    const { domain: found } = await client.call('lookupByUuid', { uuid }, signal)
    expect(found.id).toBe(running.id)
    at = performance.now()
    // While libvirtd still takes the guest up again, destroy ends it and yet may answer that it was not running.
    const ended = await client.call('destroy', { domain: found, flags: 0 }, signal).catch((e: unknown) => e)
    expect(ended === undefined || isOperationInvalid(ended)).toBe(true)
    await client.call('undefine', { domain: found, flags: 0 }, signal)
    console.log(`qemu destroy and undefine: ${(performance.now() - at).toFixed(0)} ms`)
    stop.abort()
    await watching
    client.close()
  }, 60_000)
})
