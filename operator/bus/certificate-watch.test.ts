// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { createLogger } from '../../lib/log.ts'
import type { BusServers, ShownCertificate } from './bus-servers.ts'
import { CertificateWatch, listOutdated, toCondition } from './certificate-watch.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const inDays = (days: number) => new Date(NOW.getTime() + days * 24 * 3600 * 1000)
const [NATS, ROUTES] = ['nephele-nats-tls', 'nephele-nats-routes-tls']
const shows = (server: string, secret: string, days: number): ShownCertificate => ({
  ...{ serverId: `N${server}`, serverName: server, secret, notAfter: inDays(days) },
})

test.each<[string, ShownCertificate[], [string, number][], string[]]>([
  ['what is in the Secret', [shows('a', NATS, 700)], [[NATS, 700]], []],
  ['an older one', [shows('a', NATS, 200), shows('b', NATS, 700)], [[NATS, 700]], ['a']],
  [
    'an older one to the other servers',
    [shows('a', NATS, 700), shows('a', ROUTES, 200)],
    [
      [NATS, 700],
      [ROUTES, 700],
    ],
    ['a'],
  ],
  ['a newer one: the list is behind', [shows('a', NATS, 700)], [[NATS, 200]], []],
  ['one of somebody else, without a list', [shows('a', NATS, 1)], [], []],
])('a server that shows %s', (_, shown, ends, outdated) => {
  const list = new Map(ends.map(([secret, days]) => [secret, inDays(days)]))
  expect([...listOutdated(shown, list).values()]).toEqual(outdated)
})

test.each<[string, ShownCertificate[], [string, number][], string | undefined]>([
  [
    'all hold',
    [shows('a', NATS, 14)],
    [
      [NATS, 14],
      ['nephele-ca', 3000],
    ],
    undefined,
  ],
  [
    'an authority ends',
    [],
    [['nephele-ca', 13]],
    'that of Secret nephele-ca ends at 2026-01-14T00:00:00.000Z: look at the last Job of CronJob nephele-certificates',
  ],
  [
    'one is told once',
    [shows('a', NATS, 3)],
    [[NATS, 3]],
    'that of Secret nephele-nats-tls ends at 2026-01-04T00:00:00.000Z: look',
  ],
  [
    'a server does not read it',
    [shows('a', NATS, 3)],
    [[NATS, 700]],
    'a shows one of nephele-nats-tls that ends at 2026-01-04T00:00:00.000Z: look',
  ],
  [
    'nobody keeps a list',
    [shows('a', NATS, 3)],
    [],
    'ends at 2026-01-04T00:00:00.000Z: renew them where they come from',
  ],
])('%s', (_, shown, ends, said) => {
  const condition = toCondition(shown, new Map(ends.map(([secret, days]) => [secret, inDays(days)])), NOW)
  const late = {
    status: 'False',
    reason: 'CertificateExpiresSoon',
    message: expect.stringContaining(said ?? ''),
  }
  expect(condition).toMatchObject(said === undefined ? { status: 'True', reason: 'Healthy' } : late)
})

function watchOf(shown: ShownCertificate[], ends: Map<string, Date>, servers: Partial<BusServers> = {}) {
  const [reloaded, known, told]: [string[], string[], string[]] = [[], [], []]
  const watch = new CertificateWatch({
    servers: {
      list: async () => [...shown],
      reload: async (id) => {
        reloaded.push(id)
        for (const one of shown) if (one.serverId === id) one.notAfter = ends.get(one.secret) ?? one.notAfter
      },
      ...servers,
    },
    readEnds: async () => ends,
    known: (secret, end) => void known.push(`${secret} ${end.toISOString().slice(0, 10)}`),
    now: () => NOW,
    log: createLogger('test', 'silent'),
  })
  watch.onChange(() => told.push(watch.condition()?.reason ?? 'nothing'))
  return { watch, reloaded, known, told }
}

test('a renewed certificate is read by each server that shows another one, once, and its end is known', async () => {
  const shown = [shows('a', NATS, 5), shows('a', ROUTES, 5), shows('b', NATS, 700)]
  const ends = new Map([NATS, ROUTES].map((secret) => [secret, inDays(700)]))
  const { watch, reloaded, known, told } = watchOf(shown, ends)
  const signal = new AbortController().signal
  await watch.check(signal)
  await watch.check(signal)
  expect([reloaded, told]).toEqual([['Na'], ['Healthy']])
  expect(known).toContain('nephele-nats-tls 2027-12-02')
  ends.set('nephele-ca', inDays(1))
  await watch.check(signal)
  expect(told).toEqual(['Healthy', 'CertificateExpiresSoon'])
})

test('a server that says no keeps nothing from the others, and what it shows is told', async () => {
  const asked: string[] = []
  const reload = async (id: string) => {
    asked.push(id)
    if (id === 'Na') throw new Error('no')
  }
  const shown = [shows('a', NATS, 5), shows('b', NATS, 5)]
  const { watch, known, told } = watchOf(shown, new Map([[NATS, inDays(700)]]), { reload })
  const check = () => watch.check(new AbortController().signal)
  await expect(check()).rejects.toMatchObject({ errors: [{ message: 'a', cause: { message: 'no' } }] })
  expect([asked, known, told]).toEqual([['Na', 'Nb'], ['nephele-nats-tls 2026-01-06'], ['CertificateExpiresSoon']])
  await expect(check()).rejects.toThrow('do not read their renewed certificates')
  expect(asked).toHaveLength(4)
})

test('where no server answers, what is in the Secrets is known, and the rest is said to be unknown', async () => {
  const list = async () => {
    throw new Error('nobody answers')
  }
  const { watch, known, told } = watchOf([], new Map([[NATS, inDays(700)]]), { list })
  await expect(watch.check(new AbortController().signal)).rejects.toThrow('do not answer')
  expect([known, told, watch.condition()?.status]).toEqual([
    ['nephele-nats-tls 2027-12-02'],
    ['Unreachable'],
    'Unknown',
  ])
})

test('who does not lead any more tells no server anything', async () => {
  const { watch, reloaded } = watchOf([shows('a', NATS, 5)], new Map([[NATS, inDays(700)]]))
  await expect(watch.check(AbortSignal.abort())).rejects.toThrow()
  expect(reloaded).toEqual([])
})
