// SPDX-License-Identifier: Apache-2.0
// Who may read the files of an ImageStore, and from where nodes are told to fetch them, while nodes change; with all controllers in memory.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Image } from '../../../lib/api/types.ts'
import type { DesiredDocument, ImageCopyDocument, ImageDocument } from '../../../lib/contract/documents.ts'
import { ActingNode } from '../../testing/acting-node.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'
import { publishCopies, publishImage } from './publish.ts'

const OLD = 'ab'.repeat(20)
const NEW = 'cd'.repeat(20)

let cloud: QuietCloud

/** A snapshot that is kept on these nodes, c1 and c2 run machines. */
async function snapshotOn(nodes: readonly string[]): Promise<void> {
  cloud = await QuietCloud.furnished()
  cloud.operator.answer = new ActingNode().answer
  cloud.imageStore('main', nodes, { default: true, copies: nodes.length })
  cloud.vm('vm')
  await cloud.operator.rest()
  for (const name of ['c1', 'c2', 's1']) giveKey(name, OLD)
  await cloud.operator.rest()
  cloud.make('instanceActions', 'snap', { instanceRef: { name: 'vm' }, type: 'Snapshot' })
  await cloud.operator.rest()
}

function giveKey(name: string, volumeKey: string): void {
  const known = cloud.operator.get('computeNodes', { name }) as ComputeNode
  cloud.operator.store('computeNodes', { ...known, status: { ...known.status, volumeKey } })
}

/** A machine of the snapshot. @returns its node */
async function machine(name = 'second'): Promise<string> {
  cloud.vm(name, { imageRef: { name: 'snap' } })
  await cloud.operator.rest()
  return cloud.nodeOf(name)
}

const image = () => cloud.operator.get('images', ns('snap')) as Image
const documents = () => [...cloud.operator.world.bus.desired.documents.values()]
const isOf = (document: DesiredDocument) => document.uid === image().metadata.uid && !document.tombstone
const keysOn = (copyNode: string) => {
  const found = documents().find((d) => d.kind === 'imagecopy' && d.node === copyNode && isOf(d)) as ImageCopyDocument
  return Object.fromEntries(found.spec.readers.map(({ node, key }) => [node, key]))
}
const peerOf = (node: string) => {
  const found = documents().find((d) => d.kind === 'image' && d.node === node && isOf(d)) as ImageDocument | undefined
  return found?.spec.peer
}
const bytesOf = ({ status }: Image) => ({ sha256: status?.sha256 ?? '', sizeBytes: status?.sizeBytes ?? 0 })

describe('who may read a file', () => {
  test.each(['with its machine', 'whose machine is gone, which has its document still'])(
    'another key: %s',
    async (how) => {
      await snapshotOn(['s1'])
      const n = await machine()
      expect(keysOn('s1')[n]).toBe(OLD)
      if (how !== 'with its machine') {
        cloud.operator.remove('instances', ns('second'))
        cloud.operator.remove('instances', ns('vm'))
        await cloud.operator.rest()
      }
      giveKey(n, NEW)
      await cloud.operator.rest()
      expect(keysOn('s1')).toMatchObject({ [n]: NEW, s1: OLD })
    },
  )
  test('not a node that was given up, and again once it is back with another key', async () => {
    await snapshotOn(['s1'])
    const n = await machine()
    cloud.operator.silence(n)
    await cloud.operator.rest()
    const { spec } = cloud.operator.get('computeNodes', { name: n }) as ComputeNode
    cloud.set('computeNodes', n, { lost: 'Confirmed' })
    await cloud.operator.rest()
    expect(spec.lost).toBeUndefined()
    expect(Object.keys(keysOn('s1'))).not.toContain(n)
    cloud.set('computeNodes', n, { lost: undefined })
    giveKey(n, NEW)
    cloud.operator.beat(n)
    await cloud.operator.rest()
    await publishImage(image(), n, cloud.operator.world.deps)
    expect(keysOn('s1')[n]).toBe(NEW)
  })
  test('who tells a node of the Image compares keys, whatever it was told before', async () => {
    await snapshotOn(['s1'])
    const n = await machine()
    giveKey(n, NEW)
    await publishImage(image(), n, cloud.operator.world.deps)
    expect(keysOn('s1')[n]).toBe(NEW)
  })
  test('and writes nothing where all stands', async () => {
    await snapshotOn(['s1'])
    const n = await machine()
    const { desired } = cloud.operator.world.bus
    const publish = desired.publish.bind(desired)
    const kinds: string[] = []
    desired.publish = (document) => {
      kinds.push(document.kind)
      return publish(document)
    }
    await publishImage(image(), n, cloud.operator.world.deps)
    expect(kinds).toEqual(['image'])
  })
  test('a key that changes wakes the Images of that node alone, and other changes wake none', async () => {
    await snapshotOn(['s1'])
    await machine()
    cloud.make('instanceActions', 'other', { instanceRef: { name: 'vm' }, type: 'Snapshot' })
    await cloud.operator.rest()
    const n = cloud.nodeOf('second')
    const woken = () => cloud.operator.queued.filter((id) => id.startsWith('images '))
    cloud.set('computeNodes', n, { unschedulable: true })
    expect(woken()).toEqual([])
    await cloud.operator.rest()
    giveKey(n, NEW)
    expect(woken()).toEqual(['images ns/snap'])
  })
  test.each([0, 1])(
    'two that write the lists at once: the node that was told last is in all; held at copy %d',
    async (at) => {
      await snapshotOn(['s1', 'c2'])
      const { bus, deps } = cloud.operator.world
      const copyNodes = (image().status?.copies ?? []).map(({ node }) => node)
      // Something to write.
      giveKey('s1', NEW)
      let release = () => undefined as unknown
      bus.desired.delay = ({ kind, node }) => {
        if (kind !== 'imagecopy' || node !== copyNodes[at]) return undefined
        bus.desired.delay = () => undefined
        return new Promise<void>((resolve) => (release = () => resolve()))
      }
      const first = publishCopies(image(), bytesOf(image()), deps)
      await new Promise(setImmediate)
      const second = publishImage(image(), 'c1', deps)
      await new Promise(setImmediate)
      release()
      await Promise.all([first, second])
      for (const node of copyNodes) expect(keysOn(node)).toMatchObject({ c1: OLD, s1: NEW })
      expect(documents().find((d) => d.kind === 'image' && d.node === 'c1' && isOf(d))).toBeDefined()
    },
  )
  test('a list that could not be written is written by the next that tells of it', async () => {
    await snapshotOn(['s1', 'c2'])
    const { bus, deps } = cloud.operator.world
    bus.desired.failNext(new Error('no'))
    await expect(publishImage(image(), 'c1', deps)).rejects.toThrow('no')
    await publishImage(image(), 'c1', deps)
    for (const node of ['s1', 'c2']) expect(keysOn(node)).toMatchObject({ c1: OLD })
  })
})

describe('from where a node fetches it', () => {
  /** Nodes that keep it, and one beside them that has a machine of it. */
  async function reader(): Promise<{ n: string; usual: string; other: string }> {
    await snapshotOn(['s1', 'c2'])
    cloud.operator.silence('c2')
    await cloud.operator.rest()
    const n = await machine()
    cloud.operator.beat('c2')
    await cloud.operator.rest()
    const usual = peerOf(n) ?? ''
    return { n, usual, other: usual === 's1' ? 'c2' : 's1' }
  }
  test('another copy while the node of its usual one is silent, and that again once it is heard', async () => {
    const { n, usual, other } = await reader()
    expect([n, ['s1', 'c2'].includes(usual)]).toEqual(['c1', true])
    cloud.operator.silence(usual)
    await cloud.operator.rest()
    expect(peerOf(n)).toBe(other)
    cloud.operator.beat(usual)
    await cloud.operator.rest()
    expect(peerOf(n)).toBe(usual)
  })
  test('whoever asks another is not told anything new', async () => {
    const { n, usual, other } = await reader()
    const before = cloud.operator.world.bus.desired.find(n, 'image', image().metadata.uid)?.revision
    cloud.operator.silence(other)
    await cloud.operator.rest()
    expect(peerOf(n)).toBe(usual)
    expect(cloud.operator.world.bus.desired.find(n, 'image', image().metadata.uid)?.revision).toBe(before)
  })
  test('a silent one while no other is heard', async () => {
    const { n, usual, other } = await reader()
    for (const node of [other, usual]) {
      cloud.operator.silence(node)
      await cloud.operator.rest()
    }
    expect(['s1', 'c2'].map((node) => cloud.operator.world.bus.heartbeats.pulse(node))).toEqual(['silent', 'silent'])
    expect(peerOf(n)).toBe(usual)
  })
  test('its own copy, heard or not', async () => {
    await snapshotOn(['s1', 'c2'])
    cloud.operator.silence('c2')
    await cloud.operator.rest()
    await publishImage(image(), 'c2', cloud.operator.world.deps)
    expect(peerOf('c2')).toBe('c2')
  })
  test('a copy that is made anew comes from one that is heard', async () => {
    await snapshotOn(['s1', 'c2'])
    const { deps } = cloud.operator.world
    const first = image().status?.copies?.[0]?.node ?? ''
    const other = first === 's1' ? 'c2' : 's1'
    cloud.operator.silence(first)
    const changed = image()
    const copies = [...(changed.status?.copies ?? []), { node: 'c1', epoch: 9 }]
    await publishCopies({ ...changed, status: { ...changed.status, copies } }, bytesOf(changed), deps)
    const made = documents().find((d) => d.kind === 'imagecopy' && d.node === 'c1' && isOf(d)) as ImageCopyDocument
    expect(made.spec.from?.node).toBe(other)
  })
  test('while nobody has it to hand out, a copy that is not whole is never told as one that is', async () => {
    await snapshotOn(['s1'])
    const changed = image()
    const status = { ...changed.status, copies: [{ node: 'c1', epoch: 9 }] }
    await publishCopies({ ...changed, status }, bytesOf(changed), cloud.operator.world.deps)
    const made = documents().find((d) => d.kind === 'imagecopy' && d.node === 'c1' && isOf(d)) as ImageCopyDocument
    expect(made.spec.from).toEqual({ node: 'nowhere.invalid', url: 'https://nowhere.invalid:10899/' })
  })
  test('a node that falls silent or is heard wakes the Images that it keeps; beats and boots between wake none', async () => {
    await snapshotOn(['s1'])
    const woken = () => cloud.operator.queued.filter((id) => id.startsWith('images '))
    cloud.operator.silence('c2')
    expect(woken()).toEqual([])
    await cloud.operator.rest()
    cloud.operator.silence('s1')
    expect(woken()).toContain('images ns/snap')
    await cloud.operator.rest()
    cloud.operator.beat('s1')
    expect(woken()).toContain('images ns/snap')
    await cloud.operator.rest()
    cloud.operator.world.bus.heartbeats.beat('s1', 'boot-0002')
    expect(woken()).toEqual([])
  })
})
