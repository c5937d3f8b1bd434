// SPDX-License-Identifier: Apache-2.0
// What a machine names has to be there and usable before it gets a node; one that has its place is asked less.
import { describe, expect, test } from '@jest/globals'
import type { Instance, Volume } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { active, machine, machineWorld, parts, setSecret, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { UserDataStore } from './user-data.ts'

const bare = (spec: Partial<Instance['spec']> = {}, more: object = {}) => machine({ networks: [], ...spec }, more)
const secure = parts.image({ properties: { os_secure_boot: 'required' } })

describe('a Flavor that asks for something of the guest', () => {
  const asks = (extraSpecs: Record<string, string>) => parts.flavor('small', { extraSpecs })
  test('has it in the document, beside what the image asks for', async () => {
    const w = machineWorld()
    w.put('flavors', asks({ 'hw:watchdog_action': 'poweroff', 'hw:other': 'x' }))
    w.put('images', parts.image({ properties: { hw_vif_model: 'e1000e' } }))
    const i = await active(w, bare())
    const document = await w.bus.desired.read(i.status?.node ?? '', 'instance', i.metadata.uid)
    const properties = { hw_vif_model: 'e1000e', hw_watchdog_action: 'poweroff' }
    expect(document).toMatchObject({ spec: { image: { properties } } })
    // It is the machine's, whatever becomes of the Flavor.
    expect(i.status?.flavor?.extraSpecs).toEqual({ 'hw:watchdog_action': 'poweroff' })
  })
  test('goes to a node that has it', async () => {
    const w = machineWorld()
    w.put('flavors', asks({ 'hw:tpm_version': '2.0' }))
    const i = bare()
    expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'NoValidHost' })
    expect(i.status?.node).toBeUndefined()
  })
  test('is refused by name where nobody has it, or the image says otherwise', async () => {
    const w = machineWorld()
    w.put('flavors', asks({ 'hw:tpm_version': '1.2' }))
    await expect(step(w, bare())).rejects.toThrow('Flavor small: extra spec hw:tpm_version is "1.2"; write 2.0')
    w.put('flavors', asks({ 'os:secure_boot': 'required' }))
    w.put('images', parts.image({ properties: { hw_firmware_type: 'uefi', os_secure_boot: 'disabled' } }))
    await expect(step(w, bare())).rejects.toThrow('extra spec os:secure_boot is "required", and image property')
  })
})

describe('an image with a property that cannot be had', () => {
  test('is refused to a new machine, by name', async () => {
    const w = machineWorld()
    w.put('images', secure)
    const error: unknown = await step(w, bare()).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(TerminalError)
    expect(error).toMatchObject({
      reason: 'UnsupportedProperty',
      message: expect.stringMatching(/^Image ns\/guest: os_secure_boot is "required"/),
    })
  })
  test('leaves a machine that is there as it is', async () => {
    const w = machineWorld()
    const i = await active(w, bare())
    w.put('images', secure)
    expect(await step(w, i)).toEqual({ kind: 'done' })
  })
})

describe('its volumes are asked for before it has a node', () => {
  const data = (deleted = false) => stored<Volume>('data', { sizeGiB: 1 }, { deleted })
  test.each<[string, Volume | undefined, object]>([
    ['is not there', undefined, { kind: 'wait', reason: 'VolumeNotFound' }],
    ['is being deleted', data(true), { kind: 'wait', reason: 'VolumeDeleting' }],
    ['is there, in whatever state', data(), { kind: 'saved' }],
  ])('one that %s', async (_, volume, outcome) => {
    const w = machineWorld()
    w.put('volumes', { ...data(), metadata: { ...data().metadata, name: 'first', uid: 'uid-first' } })
    if (volume) w.put('volumes', volume)
    const i = bare({ volumes: [{ volumeRef: { name: 'first' } }, { volumeRef: { name: 'data' } }] })
    const said = await step(w, i)
    expect(said).toMatchObject(outcome)
    if (said.kind === 'wait') expect(said.message).toContain('spec.volumes[1].volumeRef')
    expect(i.status?.node === undefined).toBe(said.kind === 'wait')
  })
  test('one that is being deleted is kept by a machine on its way to another node', async () => {
    const w = machineWorld()
    w.put('volumes', data(true))
    const status = { epoch: 1, flavor: { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 } }
    expect(await step(w, bare({ volumes: [{ volumeRef: { name: 'data' } }] }, { status }))).toEqual({ kind: 'saved' })
  })
})

describe('user data that a machine was given before its Secret changed', () => {
  const spec = { userDataSecretRef: { name: 'cloud-init' } }
  /** Reads of the bus, by node. */
  function reads(w: MemoryWorld): string[] {
    const nodes: string[] = []
    const read = w.bus.desired.read.bind(w.bus.desired)
    w.bus.desired.read = (node, ...key) => {
      nodes.push(node)
      return read(node, ...key)
    }
    return nodes
  }
  async function given(): Promise<{ w: MemoryWorld; i: Instance; node: string }> {
    const w = machineWorld()
    setSecret(w, { userData: 'aQ==' })
    const i = await active(w, bare(spec))
    setSecret(w, { userData: 'bQ==' })
    return { w, i, node: i.status!.node! }
  }
  const sent = async (w: MemoryWorld, node: string) => {
    const document = await w.bus.desired.read(node, 'instance', 'uid-vm')
    return document?.kind === 'instance' && !document.tombstone ? document.spec.userDataBase64 : document
  }
  /** As another process would find it. */
  const restart = (w: MemoryWorld) => Object.assign(w.deps, { userData: new UserDataStore('nephele-system') })

  test('is found in its document, by one read', async () => {
    const { w, i, node } = await given()
    restart(w)
    const nodes = reads(w)
    expect(await step(w, i)).toEqual({ kind: 'done' })
    expect(nodes).toEqual([node])
    expect(await sent(w, node)).toBe('aQ==')
  })

  test('is found in the tombstone at the place before', async () => {
    const { w, i, node } = await given()
    restart(w)
    const other = node === 'c1' ? 'c2' : 'c1'
    const tombstone = tombstoneOf('instance', i, node, 1, { incarnation: 1, term: 1 })
    await w.bus.desired.publish({ ...tombstone, userDataBase64: 'aQ==' })
    Object.assign(i.status!, { node: other, epoch: 2 })
    const nodes = reads(w)
    await step(w, i)
    expect(nodes).toEqual([node])
    expect(await sent(w, other)).toBe('aQ==')
  })

  test('is the Secret’s when no document has any', async () => {
    const { w, i, node } = await given()
    restart(w)
    w.bus.desired.wipe()
    await step(w, i)
    expect(await sent(w, node)).toBe('bQ==')
  })

  test('is none of a machine that never had a place, whatever a node was told of one with its UID', async () => {
    const { w } = await given()
    restart(w)
    const nodes = reads(w)
    await step(w, bare(spec))
    expect(nodes).toEqual([])
  })
})
