// SPDX-License-Identifier: Apache-2.0
// What is written to the bucket and when, and what is told of it: other writers, lost answers, withdrawals, a bucket that went.
import { describe, expect, test } from '@jest/globals'
import type { Image, Port } from '../../lib/api/types.ts'
import { instanceDocument } from '../../agents/compute/testing.ts'
import { MAX_DOCUMENT_BYTES, type DesiredDocument, type PortDocument } from '../../lib/contract/documents.ts'
import { desiredSubject, observedSubject, toDocumentKey, type DocumentKey } from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { settle } from '../../lib/time/fake-clock.ts'
import { tombstoneOf } from '../placed/document-header.ts'
import { imageDocument } from '../controllers/image/document.ts'
import { stored } from '../testing/memory-deps.ts'
import { MemoryStream } from '../testing/memory-stream.ts'
import type { Writer } from './bus.ts'
import { JetStreamDesired } from './jetstream-desired.ts'

const SOURCE: Image['spec'] = { source: { http: { url: 'http://images.test/guest' } }, format: 'qcow2' }
const image = (generation = 1) => stored<Image>('i', SOURCE, { generation })
const document = (generation = 1, versions: { incarnation?: number; term?: number } = {}) =>
  imageDocument(image(generation), 'n1', { incarnation: 1, term: 1, ...versions })
const key: DocumentKey = { node: 'n1', kind: 'image', uid: 'uid-i' }
const subject = desiredSubject(key)

interface World {
  stream: MemoryStream
  desired: JetStreamDesired
  told: string[]
  clock: { ms: number }
  /** Documents that their node has not answered. */
  unanswered: Set<string>
  /** Documents that their node refuses as an older leader's. */
  refused: Set<string>
  setWriter(writer: ReturnType<Writer>): void
  /** As the bucket tells of what lies in it. */
  hear(): void
  /** Read whole, as after a start (refresh: as once in a while). */
  load(isRefresh?: boolean): void
}

function world(stream = new MemoryStream()): World {
  let writer: ReturnType<Writer> = { incarnation: 1, term: 1 }
  const [told, clock, unanswered]: [string[], { ms: number }, Set<string>] = [[], { ms: 0 }, new Set()]
  const refused = new Set<string>()
  const desired = new JetStreamDesired({
    nc: stream.asConnection(),
    writer: () => writer,
    log: createLogger('test', 'silent'),
    isUnanswered: ({ uid }) => unanswered.has(uid),
    isRefused: ({ uid }) => refused.has(uid),
    onWithdrawn: ({ uid }) => told.push(`withdrawn ${uid}`),
    onUnknown: () => told.push('unknown'),
    now: () => clock.ms,
  })
  desired.onDrift(({ uid }) => told.push(`drift ${uid}`))
  desired.onReset(() => told.push('reset'))
  desired.onVolumes(({ uid }) => told.push(`volumes ${uid}`))
  const prefix = subject.slice(0, -toDocumentKey(key).length)
  const hear = () => {
    for (const [at, { seq, data, headers }] of stream.messages)
      if (at.startsWith(prefix) && headers.get('KV-Operation') === '')
        desired.entry({ key: at.slice(prefix.length), revision: seq, data })
  }
  const load = (isRefresh = false) => {
    desired.restarted(isRefresh)
    hear()
    desired.caughtUp()
  }
  return { stream, desired, told, clock, unanswered, refused, setWriter: (next) => void (writer = next), hear, load }
}
function loaded(stream = new MemoryStream()): World {
  const w = world(stream)
  w.load()
  return w
}
const lying = ({ stream }: World) => {
  const found = stream.messages.get(subject)
  return found && (JSON.parse(Buffer.from(found.data).toString()) as DesiredDocument)
}

describe('publish', () => {
  test('writes once, and again when something is another', async () => {
    const w = loaded()
    for (const generation of [1, 1, 2, 2]) await w.desired.publish(document(generation))
    expect(w.stream.requests).toEqual([`write ${subject}`, `write ${subject}`])
    expect(w.desired.find('n1', 'image', 'uid-i')).toMatchObject({
      revision: 2,
      tombstone: false,
      versions: { generation: 2 },
    })
    expect(w.desired.list()).toHaveLength(1)
    expect(w.told).toEqual([])
  })
  test('of a port: what its machine has there is known until the key is removed', async () => {
    const at = ['n1', 'port', 'uid-p'] as const
    const header = tombstoneOf('port', stored<Port>('p', { networkRef: { name: 'n' } }), 'n1', 1, {
      incarnation: 1,
      term: 1,
    })
    const port = (addresses: string[]): PortDocument => ({
      ...{ ...header, kind: 'port', tombstone: false },
      spec: {
        ...{ logicalPort: 'uid-p', networkUid: 'uid-n', network: 'ns/n', mac: 'fa:16:3e:00:00:01', mtu: 1400 },
        ...{ vnicType: 'normal', fixedIPs: addresses.map((address) => ({ address, prefixLength: 24 })) },
      },
    })
    const nic = (...addresses: string[]) => {
      const { mac, networkUid, network } = port([]).spec
      return { mac, portUid: 'uid-p', networkUid, network, addresses }
    }
    const w = loaded()
    await w.desired.publish(port(['10.0.0.2']))
    expect(w.desired.find(...at)?.nic).toEqual(nic('10.0.0.2'))
    await w.desired.publish(port(['10.0.0.3', 'fd00::3']))
    await w.desired.publish(header)
    w.hear()
    expect(w.desired.find(...at)).toMatchObject({ tombstone: true, nic: nic('10.0.0.3', 'fd00::3') })
    // Another leader reads the same, but for what the tombstone no longer says.
    expect(loaded(w.stream).desired.find(...at)).not.toHaveProperty('nic')
    await w.desired.withdraw(...at)
    await w.desired.publish(header)
    expect(w.desired.find(...at)).not.toHaveProperty('nic')
  })
  test('a document that was refused before this process led is written once more in its term', async () => {
    const old = loaded()
    await old.desired.publish(document(1))
    const w = loaded(old.stream)
    w.setWriter({ incarnation: 1, term: 2 })
    await w.desired.publish(document(1, { term: 2 }))
    expect(lying(w)?.versions.term).toBe(1)
    w.refused.add('uid-i')
    for (let i = 0; i < 2; i++) await w.desired.publish(document(1, { term: 2 }))
    expect(lying(w)?.versions.term).toBe(2)
    expect(w.stream.requests).toEqual([`write ${subject}`, `write ${subject}`])
  })
  test.each([
    ['an older term', document(1, { term: 0 })],
    ['a newer term', document(1, { term: 2 })],
    ['another incarnation', document(1, { incarnation: 2 })],
  ])('of %s than this leader’s: nothing', async (_, of) => {
    const w = loaded()
    await expect(w.desired.publish(of)).rejects.toThrow('this process writes in term 1')
    expect(w.stream.requests).toEqual([])
  })
  test('by nobody who leads, or before the bucket was read: nothing', async () => {
    const w = world()
    await expect(w.desired.publish(document())).rejects.toMatchObject({ reason: 'BusUnavailable' })
    w.load()
    w.setWriter(undefined)
    await expect(w.desired.publish(document())).rejects.toThrow('lead')
    await expect(w.desired.withdraw('n1', 'image', 'uid-i')).rejects.toThrow('lead')
    expect(w.stream.requests).toEqual([])
  })
  test.each([
    [{ incarnation: 2, term: 0 }, false],
    [{ incarnation: 1, term: 2 }, false],
    [{ incarnation: 1, term: 1 }, true],
  ])('over a document of %j: %s', async (versions, isWritten) => {
    const w = world()
    w.stream.put(subject, { ...document(), versions: { ...document().versions, ...versions } })
    w.load()
    const published = w.desired.publish(document(2))
    if (isWritten) await published
    else
      await expect(published).rejects.toThrow(
        `the bus holds incarnation ${versions.incarnation}, term ${versions.term}`,
      )
    expect(lying(w)?.versions.generation).toBe(isWritten ? 2 : 1)
  })
  test('over a document of an older incarnation, whatever its term', async () => {
    const w = world()
    w.stream.put(subject, document(1, { term: 9 }))
    w.setWriter({ incarnation: 2, term: 1 })
    w.load()
    await w.desired.publish(document(2, { incarnation: 2 }))
    expect(lying(w)?.versions).toMatchObject({ incarnation: 2, generation: 2 })
  })
  test('of what breaks the contract, or is too large: says so and writes nothing', async () => {
    const w = loaded()
    await expect(w.desired.publish({ ...document(), spec: {} } as never)).rejects.toMatchObject({
      reason: 'DocumentInvalid',
    })
    const { spec, ...rest } = instanceDocument({ uid: 'vm' })
    const large = { ...rest, node: 'n1', spec: { ...spec, metadata: { a: 'é'.repeat(140 * 1024) } } } as never
    await expect(w.desired.publish(large)).rejects.toMatchObject({
      reason: expect.stringMatching(/^Document(TooLarge|Invalid)$/),
    })
    expect(w.stream.requests).toEqual([])
  })
  test('that another writer was faster with says so, and knows what lies there', async () => {
    const w = loaded()
    await w.desired.publish(document())
    w.stream.put(subject, document(7))
    await expect(w.desired.publish(document(2))).rejects.toMatchObject({ reason: 'BusConflict' })
    expect(w.desired.find('n1', 'image', 'uid-i')).toMatchObject({ versions: { generation: 7 }, revision: 2 })
    await w.desired.publish(document(2))
    expect(lying(w)?.versions.generation).toBe(2)
  })
  test('that another leader removed meanwhile says so, knows that nothing lies there, and comes after its mark', async () => {
    const w = loaded()
    await w.desired.publish(document())
    await loaded(w.stream).desired.withdraw('n1', 'image', 'uid-i')
    await expect(w.desired.publish(document(2))).rejects.toMatchObject({ reason: 'BusConflict' })
    expect([w.desired.find('n1', 'image', 'uid-i'), w.desired.list()]).toEqual([undefined, []])
    expect(await w.desired.read('n1', 'image', 'uid-i')).toBeUndefined()
    w.stream.requests.length = 0
    await w.desired.publish(document(2))
    expect([w.stream.requests, lying(w)?.versions.generation]).toEqual([[`write ${subject}`], 2])
  })
  test.each([
    [MAX_DOCUMENT_BYTES, true],
    [MAX_DOCUMENT_BYTES + 1, false],
  ])('of %i bytes: %s', async (bytes, isTaken) => {
    const w = loaded()
    const { spec, ...rest } = instanceDocument({ uid: 'vm' })
    const { incarnation, term } = { incarnation: 1, term: 1 }
    const of = (value: string) =>
      ({
        ...rest,
        node: 'n1',
        versions: { ...rest.versions, incarnation, term },
        spec: { ...spec, metadata: { a: value } },
      }) as DesiredDocument
    const large = of('x'.repeat(bytes - JSON.stringify(of('')).length))
    const published = w.desired.publish(large)
    if (isTaken) await published
    else await expect(published).rejects.toMatchObject({ reason: 'DocumentTooLarge' })
    expect(w.stream.requests).toHaveLength(isTaken ? 1 : 0)
  })
  test('of what seemed to be new, and is not, is not tried again', async () => {
    const w = loaded()
    w.stream.put(subject, document(7))
    await expect(w.desired.publish(document(2))).rejects.toMatchObject({ reason: 'BusConflict' })
    expect(w.stream.requests).toEqual([`write ${subject}`, `read ${subject}`])
  })
  test('of a key that another leader removed comes after its mark', async () => {
    const stream = new MemoryStream()
    const [w, other] = [loaded(stream), loaded(stream)]
    await other.desired.publish(document())
    await other.desired.withdraw('n1', 'image', 'uid-i')
    await w.desired.publish(document(2))
    expect(lying(w)?.versions.generation).toBe(2)
  })
  test.each([false, true])(
    'of a key whose mark went by itself is written, over nobody: another comes first %s',
    async (isLate) => {
      const w = loaded()
      await w.desired.publish(document())
      await w.desired.withdraw('n1', 'image', 'uid-i')
      w.stream.messages.delete(subject)
      w.stream.before = async () => {
        if (isLate && w.stream.requests.at(-2) === `read ${subject}`) w.stream.put(subject, document(7))
      }
      const publishing = w.desired.publish(document(2))
      if (isLate) await expect(publishing).rejects.toMatchObject({ reason: 'BusConflict' })
      else await publishing
      expect(lying(w)?.versions.generation).toBe(isLate ? 7 : 2)
    },
  )
  test('whose answer is lost is no success, and the next finds what was stored', async () => {
    const w = loaded()
    w.stream.fault = 'answer'
    await expect(w.desired.publish(document())).rejects.toMatchObject({ reason: 'BusUnavailable' })
    await w.desired.publish(document()).catch(() => undefined)
    await w.desired.publish(document())
    expect([...w.stream.messages.keys()]).toEqual([subject])
    expect(lying(w)?.versions.generation).toBe(1)
  })
  test('is repeated once a node that beats has left it unanswered for a minute, and then not for another', async () => {
    const w = loaded()
    await w.desired.publish(document())
    w.unanswered.add('uid-i')
    w.clock.ms = 60_000
    await w.desired.publish(document())
    expect(w.stream.requests).toHaveLength(1)
    w.clock.ms = 60_001
    await w.desired.publish(document())
    await w.desired.publish(document())
    expect(w.stream.requests).toHaveLength(2)
    w.unanswered.clear()
    w.clock.ms = 600_000
    await w.desired.publish(document())
    expect(w.stream.requests).toHaveLength(2)
  })
})

describe('a node that refuses a document as an older leader’s', () => {
  test('has it again under this term, once', async () => {
    const w = loaded()
    await w.desired.publish(document())
    w.desired.refused(key)
    expect(w.told).toEqual([])
    w.setWriter({ incarnation: 1, term: 2 })
    for (let i = 0; i < 2; i++) w.desired.refused(key)
    w.desired.refused({ ...key, uid: 'never' })
    expect(w.told).toEqual(['drift uid-i'])
    await w.desired.publish(document(1, { term: 2 }))
    await w.desired.publish(document(1, { term: 2 }))
    expect([w.stream.requests.length, lying(w)?.versions.term]).toEqual([2, 2])
    w.setWriter(undefined)
    w.desired.refused(key)
    expect(w.told).toEqual(['drift uid-i'])
  })
})

describe('withdraw', () => {
  test('takes the document, then its answer, and is told of at the end', async () => {
    const w = loaded()
    await w.desired.publish(tombstoneOf('image', image(), 'n1', 1, { incarnation: 1, term: 1 }))
    w.stream.put(observedSubject(key), {})
    w.stream.requests.length = 0
    await w.desired.withdraw('n1', 'image', 'uid-i')
    expect(w.stream.requests.filter((r) => r.startsWith('purge'))).toEqual([
      ...[`purge ${subject}`, `purge ${observedSubject(key)}`],
    ])
    expect([w.desired.find('n1', 'image', 'uid-i'), w.told]).toEqual([undefined, ['withdrawn uid-i']])
    expect(await w.desired.read('n1', 'image', 'uid-i')).toBeUndefined()
    w.stream.requests.length = 0
    await w.desired.publish(document())
    expect(w.stream.requests).toEqual([`write ${subject}`])
    expect(await w.desired.read('n1', 'image', 'uid-i')).toMatchObject({ uid: 'uid-i' })
  })
  test('is over when the answer is gone, too', async () => {
    const w = loaded()
    expect(await w.desired.read('n1', 'image', 'uid-i')).toBeUndefined()
    await w.desired.publish(tombstoneOf('image', image(), 'n1', 1, { incarnation: 1, term: 1 }))
    const gone = Promise.withResolvers<undefined>()
    w.stream.before = (at) => (at === observedSubject(key) ? gone.promise.then(() => undefined) : undefined)
    const withdrawn = w.desired.withdraw('n1', 'image', 'uid-i')
    await settle()
    expect([w.told, w.desired.find('n1', 'image', 'uid-i')?.tombstone]).toEqual([[], true])
    gone.resolve(undefined)
    await withdrawn
    expect(w.told).toEqual(['withdrawn uid-i'])
  })
  test('leaves what was wanted again meanwhile, and the answer to it', async () => {
    const w = loaded()
    await w.desired.publish(tombstoneOf('image', image(), 'n1', 1, { incarnation: 1, term: 1 }))
    w.stream.put(subject, document(5))
    const answer = w.stream.put(observedSubject(key), {})
    await w.desired.withdraw('n1', 'image', 'uid-i')
    expect(lying(w)?.versions.generation).toBe(5)
    expect(w.stream.messages.get(observedSubject(key))?.seq).toBe(answer)
    expect(w.told).toEqual([])
  })
  test('by one that stops leading in its midst takes no answer', async () => {
    const w = loaded()
    await w.desired.publish(tombstoneOf('image', image(), 'n1', 1, { incarnation: 1, term: 1 }))
    const answer = w.stream.put(observedSubject(key), {})
    w.stream.before = async () => w.setWriter(undefined)
    await expect(w.desired.withdraw('n1', 'image', 'uid-i')).rejects.toMatchObject({ reason: 'BusUnavailable' })
    expect(w.stream.messages.get(observedSubject(key))?.seq).toBe(answer)
  })
})

describe('what the bucket tells', () => {
  test('of our own writes, late or early, is no news', async () => {
    const w = loaded()
    await w.desired.publish(document())
    w.hear()
    await w.desired.publish(document(2))
    w.hear()
    expect([w.told, w.desired.find('n1', 'image', 'uid-i')?.versions.generation]).toEqual([[], 2])
  })
  test('of another writer, heard before the answer to ours that it followed, is what is known', async () => {
    const w = loaded()
    const writing = w.desired.publish(document(1))
    w.desired.entry({ key: toDocumentKey(key), revision: 9, data: Buffer.from(JSON.stringify(document(3))) })
    await writing
    expect(w.desired.find('n1', 'image', 'uid-i')).toMatchObject({ revision: 9, versions: { generation: 3 } })
  })
  test('of older revisions changes nothing; of another writer’s is drift', async () => {
    const w = loaded()
    await w.desired.publish(document(2))
    w.desired.entry({ key: toDocumentKey(key), revision: 1, data: Buffer.from(JSON.stringify(document(1))) })
    expect(w.desired.find('n1', 'image', 'uid-i')?.versions.generation).toBe(2)
    w.stream.put(subject, document(7))
    w.hear()
    expect([w.told, w.desired.find('n1', 'image', 'uid-i')?.versions.generation]).toEqual([['drift uid-i'], 7])
  })
  test('of what is no document: drift, and the next publish is written over it', async () => {
    const w = loaded()
    w.stream.put(subject, { v: 1 })
    w.hear()
    expect(w.told).toEqual(['drift uid-i'])
    expect(w.desired.find('n1', 'image', 'uid-i')).toMatchObject({ revision: 1, tombstone: false })
    await w.desired.publish(document())
    expect(lying(w)?.versions.generation).toBe(1)
  })
  test('of keys that are none: nothing but that there are some', () => {
    const w = loaded()
    w.desired.entry({ key: 'n1.router', revision: 1, data: Buffer.from('{}') })
    expect([w.told, w.desired.list()]).toEqual([['unknown'], []])
  })
  test('when it is read again: what is missing is reset after a loss, and drift in a quiet look', async () => {
    const w = loaded()
    expect(w.told).toEqual([])
    await w.desired.publish(document())
    w.load()
    expect([w.told, w.desired.list().length]).toEqual([['reset'], 1])
    w.told.length = 0
    w.stream.messages.clear()
    w.load(true)
    expect([w.told, w.desired.list()]).toEqual([['drift uid-i'], []])
    w.told.length = 0
    w.load(true)
    expect(w.told).toEqual([])
    // A new bucket counts from one again.
    await w.desired.publish(document())
    expect(w.desired.find('n1', 'image', 'uid-i')?.versions.generation).toBe(1)
  })
  test('of a bucket that was made anew counts, although it counts from one again', async () => {
    const w = loaded()
    for (const generation of [1, 2, 3]) await w.desired.publish(document(generation))
    w.desired.restarted(false)
    w.desired.entry({ key: toDocumentKey(key), revision: 1, data: Buffer.from(JSON.stringify(document(2))) })
    w.desired.caughtUp()
    expect(w.desired.find('n1', 'image', 'uid-i')).toMatchObject({ revision: 1, versions: { generation: 2 } })
    expect(w.told).toEqual(['drift uid-i', 'reset'])
  })
  test('while it is read again nothing is written', async () => {
    const w = loaded()
    w.desired.restarted(false)
    await expect(w.desired.publish(document())).rejects.toMatchObject({ reason: 'BusUnavailable' })
    await expect(w.desired.withdraw('n1', 'image', 'uid-i')).rejects.toMatchObject({ reason: 'BusUnavailable' })
    w.desired.caughtUp()
    await w.desired.publish(document())
  })
})

describe('volumes in documents', () => {
  const machine = (volumes: string[], generation = 1) => {
    const connection = { protocol: 'nbd' as const, host: '192.0.2.9', port: 10900, exportName: 'x', tls: true }
    const { spec, ...rest } = instanceDocument({
      uid: 'vm',
      volumes: volumes.map((uid) => ({ uid, name: uid, connection })),
    })
    return { ...rest, spec, node: 'n1', versions: { incarnation: 1, term: 1, epoch: 1, generation } }
  }
  const at = { node: 'n1', kind: 'instance', uid: 'vm' }
  test('count from before the write to after the removal, and each change is told', async () => {
    const w = loaded()
    const resume = Promise.withResolvers<undefined>()
    w.stream.before = () => resume.promise.then(() => undefined)
    const written = w.desired.publish(machine(['v']))
    expect([w.desired.listWithVolume('v'), w.told]).toEqual([[at], []])
    resume.resolve(undefined)
    await written
    expect(w.told).toEqual(['volumes vm'])
    await w.desired.publish(machine(['v'], 2))
    expect(w.told).toEqual(['volumes vm'])
    await w.desired.publish(machine([], 3))
    expect([w.desired.listWithVolume('v'), w.told]).toEqual([[], ['volumes vm', 'volumes vm']])
    await w.desired.publish(machine(['v'], 4))
    w.told.length = 0
    await w.desired.withdraw('n1', 'instance', 'vm')
    expect([w.desired.listWithVolume('v'), w.told]).toEqual([[], ['volumes vm', 'withdrawn vm']])
  })
  test('of a write without an answer count; of one that was refused do not', async () => {
    const w = loaded()
    w.stream.fault = 'answer'
    await expect(w.desired.publish(machine(['v']))).rejects.toMatchObject({ reason: 'BusUnavailable' })
    expect(w.desired.listWithVolume('v')).toEqual([at])
    w.stream.put(desiredSubject(at as DocumentKey), machine([], 5))
    await expect(w.desired.publish(machine(['w'], 2))).rejects.toMatchObject({ reason: 'BusConflict' })
    await settle()
    expect([w.desired.listWithVolume('v'), w.desired.listWithVolume('w')]).toEqual([[], []])
  })
})
