// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import { instanceDocument } from '../compute/testing.ts'
import { AnswerCache } from './answer-cache.ts'
import { FairRate } from './fair-rate.ts'

const port = (address: string): PortDocument => ({
  v: 1,
  kind: 'port',
  uid: 'port-1',
  node: 'n1',
  name: 'p',
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  tombstone: false,
  spec: {
    logicalPort: 'p',
    networkUid: 'net',
    mac: 'fa:16:3e:00:00:01',
    fixedIPs: [{ address, prefixLength: 24 }],
    mtu: 1442,
    vnicType: 'normal',
  },
})
const instance = instanceDocument({ userDataBase64: Buffer.alloc(48 * 1024, 7).toString('base64') })

describe('what a guest is told', () => {
  const HOSTNAME = '/latest/meta-data/hostname'
  const ADDRESS = '/latest/meta-data/local-ipv4'

  test('is made once for its documents, however often and in whatever words it asks', () => {
    let read = 0
    const counted = new Proxy(instance, {
      get: (target, name) => {
        if (name === 'spec') read += 1
        return Reflect.get(target, name) as unknown
      },
    })
    const cache = new AnswerCache()
    const ports = [port('10.0.0.5')]
    const first = cache.answer({ instance: counted, ports }, '/latest/user-data')
    const once = read
    for (const url of [
      '/latest/user-data',
      '//latest//user-data',
      '/latest/user-data?a',
      HOSTNAME,
      '/',
      '/nothing/there',
    ])
      cache.answer({ instance: counted, ports: [...ports] }, url)
    expect(read).toBe(once)
    expect(cache.answer({ instance: counted, ports }, '//latest/user-data/')).toBe(first)
  })

  test('changes with its documents: the machine’s and those of its ports', () => {
    const cache = new AnswerCache()
    const ports = [port('10.0.0.5')]
    expect(cache.answer({ instance, ports }, ADDRESS).body).toBe('10.0.0.5')
    expect(cache.answer({ instance, ports: [port('10.0.0.6')] }, ADDRESS).body).toBe('10.0.0.6')
    expect(cache.answer({ instance, ports: [] }, ADDRESS).status).toBe(404)
    const renamed: InstanceDocument = { ...instance, spec: { ...instance.spec, hostname: 'other' } }
    expect(cache.answer({ instance: renamed, ports }, HOSTNAME).body).toBe('other')
    expect(cache.answer({ instance, ports }, HOSTNAME).body).toBe('vm1')
  })
})

describe('how often guests are answered', () => {
  const limits = {
    requestsPerSecond: 50,
    burst: 200,
    nodeRequestsPerSecond: 200,
    nodeBurst: 1000,
    sureRequestsPerSecond: 2,
    sureBurst: 60,
  }
  /** Twenty guests that ask all the time, for a minute. */
  function minute() {
    const rate = new FairRate(limits)
    let answered = 0
    for (let ms = 0; ms < 60_000; ms += 5) for (let g = 0; g < 20; g++) if (rate.take(`mallory-${g}`, ms)) answered += 1
    return { rate, answered }
  }

  test('together no more than the node’s limit and what each is sure of', () => {
    const { answered } = minute()
    expect(answered).toBeLessThanOrEqual(1000 + 200 * 60 + 20 * (60 + 2 * 60))
    expect(answered).toBeGreaterThan(200 * 60)
  })

  test('a machine that boots is answered while all others ask what they can', () => {
    const { rate } = minute()
    const answers = Array.from({ length: 60 }, () => rate.take('boots', 60_000))
    expect(answers.every(Boolean)).toBe(true)
    // Without its own part it would have had what little is left of the node's.
    expect(Array.from({ length: 60 }, () => rate.take('late', 60_000)).every(Boolean)).toBe(true)
  })

  test('one alone gets its own limit and no more', () => {
    const rate = new FairRate(limits)
    let answered = 0
    for (let ms = 0; ms < 10_000; ms += 1) if (rate.take('a', ms)) answered += 1
    expect(answered).toBeGreaterThanOrEqual(200 + 499)
    expect(answered).toBeLessThanOrEqual(200 + 500)
  })
})
