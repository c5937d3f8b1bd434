// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { TransientError } from '../../../../lib/errors.ts'
import { LibvirtError, ErrorCode } from '../../../../lib/libvirt/error.ts'
import type { NicWant } from '../../instance-driver.ts'
import { DEFAULT_PATHS } from '../../testing.ts'
import { nicWant } from '../testing.ts'
import { readDomainXml, type LiveNic } from './live-xml.ts'
import type { DomainMark } from './metadata.ts'
import { nicAlias, nicBus, toNicDetachXml, toNicXml } from './nic-xml.ts'
import { applyNicPlan, markedNics, planNics, portsOf, type NicPlan } from './nics.ts'

const nic = (n: number, more: Partial<NicWant> = {}) =>
  nicWant({ portUid: `p${n}`, slot: n, mac: `fa:16:3e:00:00:0${n}`, networkUid: 'net', ...more })
const live = (n: number): LiveNic => ({ portUid: `p${n}`, mac: `fa:16:3e:00:00:0${n}`, alias: nicAlias(`p${n}`) })
/** Made by an agent that gave no aliases. */
const plain = (n: number): LiveNic => ({ mac: `fa:16:3e:00:00:0${n}`, alias: `net${n}` })
const mark = (...of: number[]): DomainMark => ({
  ...{ uid: 'u', epoch: 1, namespace: 'team', name: 'vm' },
  nics: of.map((n) => ({ mac: `fa:16:3e:00:00:0${n}`, portUid: `p${n}` })),
})
const context = { paths: DEFAULT_PATHS, guest: { properties: {}, vcpus: 1 } }
const free = (...slots: number[]) => slots.map(nicBus)

describe('the plan', () => {
  const all = { freeBuses: free(0, 1, 2), sharesMemory: false }
  test.each<[string, LiveNic[], number[], number[], number[], number[]]>([
    ['nothing to do', [live(1)], [1], [1], [], []],
    ['one more', [live(1)], [1, 2], [1, 2], [2], []],
    ['one less', [live(1), live(2)], [2], [2], [], [1]],
    ['another', [live(1)], [2], [2], [2], [1]],
    ['of which one’s document is not here: it stays', [live(1)], [], [1], [], []],
    ['and cannot come before it is', [], [], [1], [], []],
    ['of an older agent', [plain(1), plain(2)], [2], [2], [], [1]],
    ['that nobody knows: it stays', [plain(7)], [], [], [], []],
  ])('%s', (_, nics, here, ports, attach, detach) => {
    const want = { nics: here.map((n) => nic(n)), ports: ports.map((n) => `p${n}`) }
    const plan = planNics({ ...all, nics }, mark(1, 2), want)
    expect(plan.attach.map(({ portUid }) => portUid)).toEqual(attach.map((n) => `p${n}`))
    expect(plan.detach.map(({ mac }) => mac)).toEqual(detach.map((n) => `fa:16:3e:00:00:0${n}`))
    expect(plan.refused).toEqual([])
  })

  test.each<[string, NicWant, number[], boolean, string | undefined]>([
    ['no place', nic(9), [1, 2], false, 'NoFreeSlot'],
    ['shared memory that there is', nic(1, { vnicType: 'vhostuser' }), [1], true, undefined],
    ['a virtual function', nic(1, { vnicType: 'direct' }), [1], false, undefined],
    ['shared memory that there is not', nic(1, { vnicType: 'vhostuser' }), [1], false, 'MemoryNotShared'],
  ])('for %s keeps nothing else away', (_, one, slots, sharesMemory, reason) => {
    const at = { nics: [], freeBuses: free(...slots), sharesMemory }
    const plan = planNics(at, mark(), { nics: [one, nic(2)], ports: [one.portUid, 'p2'] })
    const isFree = slots.includes(2)
    expect(plan.attach.map(({ portUid }) => portUid)).toEqual([
      ...(reason === undefined ? [one.portUid] : []),
      ...(isFree ? ['p2'] : []),
    ])
    expect(plan.refused.map((error) => error.reason)).toEqual([
      ...(reason === undefined ? [] : [reason]),
      ...(isFree ? [] : ['NoFreeSlot']),
    ])
  })
})

test('whose interface it is, is known by its alias, else by the mark', () => {
  expect(portsOf([live(1), plain(2), plain(3)], mark(2))).toEqual(['p1', 'p2'])
  expect(portsOf([live(1), plain(2)], undefined)).toEqual(['p1'])
})

test('the mark has what is wanted, and what has not left yet', () => {
  const macs = (at?: LiveNic[]) =>
    markedNics({ nics: [nic(1)] }, mark(1, 2, 3), at && { nics: at }).map(({ portUid }) => portUid)
  expect(macs([live(1), live(2)])).toEqual(['p1', 'p2'])
  expect(macs([])).toEqual(['p1'])
  // Before anybody has looked, all.
  expect(macs()).toEqual(['p1', 'p2', 'p3'])
})

describe('libvirt', () => {
  const plan = (attach: NicWant[], detach: LiveNic[]): NicPlan => ({ attach, detach, refused: [] })
  const apply = async (
    answer: (name: string) => unknown,
    what = plan([nic(1)], [live(2)]),
  ): Promise<{ calls: [string, number][]; failures: unknown[] }> => {
    const calls: [string, number][] = []
    const call = async (name: string, { flags }: { flags: number }) => {
      calls.push([name, flags])
      const said = answer(name)
      if (said instanceof Error) throw said
      return said
    }
    const plug = { client: { call } as never, domain: { name: 'd', uuid: Buffer.alloc(16), id: 1 }, context }
    return { calls, failures: await applyNicPlan(plug, what, new AbortController().signal) }
  }
  const error = (code: number, message = 'no') => new LibvirtError('x', { code, domain: 0, message })

  test('is asked of the guest alone: the definition follows at the next start', async () => {
    expect(await apply(() => undefined)).toEqual({
      calls: [
        ['detachDevice', 1],
        ['attachDevice', 1],
      ],
      failures: [],
    })
  })
  test.each([
    ['has gone already', error(ErrorCode.deviceMissing), 0],
    ['is still leaving', error(ErrorCode.operationFailed, 'is already in the process of unplug'), 0],
    ['is of a machine that went off', error(ErrorCode.operationInvalid), 0],
    ['cannot be unplugged', error(ErrorCode.internal), 1],
  ])('an interface that %s', async (_, failure, count) => {
    const { calls, failures } = await apply((name) => (name === 'detachDevice' ? failure : undefined))
    expect(failures).toHaveLength(count)
    expect(calls.map(([name]) => name)).toEqual(['detachDevice', 'attachDevice'])
  })
  test('what the machine cannot take is said after all else was done', async () => {
    const refused = [new TransientError('NoFreeSlot', 'none')]
    expect((await apply(() => undefined, { ...plan([], []), refused })).failures).toEqual(refused)
  })
})

test('an interface is found again by what it was made with', () => {
  const at = (xml: string) => readDomainXml(`<domain><devices>${xml}</devices></domain>`)
  const buses = [31, 32, 33].map((n) => `<controller type="pci" index="${n}" model="pcie-root-port"/>`).join('')
  expect(at(buses + toNicXml(nic(1), context))).toMatchObject({
    nics: [{ portUid: 'p1', mac: 'fa:16:3e:00:00:01' }],
    freeBuses: [31, 32],
  })
  expect(at(toNicDetachXml(live(1))).nics).toEqual([live(1)])
  expect(at(toNicDetachXml(plain(1))).nics).toEqual([{ ...plain(1), alias: '' }])
})
