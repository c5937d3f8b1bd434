// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LibvirtError } from '../../../../lib/libvirt/error.ts'
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { MAX_VOLUMES, type VolumeWant } from '../../instance-driver.ts'
import { diskName } from './disk-xml.ts'
import { applyVolumePlan, checkVolumePath, planVolumes, type Plugging } from './volumes.ts'

const signal = new AbortController().signal
const want = (uid: string): VolumeWant => ({
  uid,
  connection: { protocol: 'nbd', host: '10.0.0.1', port: 10809, exportName: uid, tls: false },
})
const has = (...uids: string[]) => ({
  volumes: uids.map((uid, i) => ({ uid, alias: `ua-vol-${uid}`, target: diskName(i + 1) })),
  targets: ['vda', ...uids.map((_, i) => diskName(i + 1))],
})
const many = Array.from({ length: MAX_VOLUMES }, (_, i) => `v${i}`)

describe('planVolumes', () => {
  test.each<[string, string[], string[], object]>([
    ['nothing to do', ['a'], ['a'], { attach: [], detach: [], waiting: [] }],
    ['the first free name', ['a', 'b'], ['b', 'c'], { attach: [{ index: 3 }], detach: [{ uid: 'a' }] }],
    [
      'full: what is new waits, what leaves is asked for',
      many,
      [...many.slice(1), 'x'],
      {
        attach: [],
        detach: [{ uid: 'v0' }],
        waiting: [{ uid: 'x' }],
      },
    ],
  ])('%s', (_, live, wanted, plan) => expect(planVolumes(has(...live), wanted.map(want))).toMatchObject(plan))

  test('in rescue, where its own root disk has the first name, as many can be plugged in', () => {
    const volumes = many.slice(1).map((uid, i) => ({ uid, alias: `ua-vol-${uid}`, target: diskName(i + 2) }))
    const live = { volumes, targets: ['vda', 'vdb', ...volumes.map(({ target }) => target)], rescueDisk: 1 }
    expect(planVolumes(live, many.map(want))).toMatchObject({ attach: [{ index: 25 }], waiting: [] })
    expect(planVolumes({ ...live, targets: [...live.targets, 'vdz'] }, many.map(want)).waiting).toHaveLength(1)
  })

  test('the limit is the API’s', () => {
    const crd = readFileSync(new URL('../../../../crds/instances.yaml', import.meta.url), 'utf8')
    expect(
      /\n +volumes:\n +description: Volumes of the same[^\n]*\n +type: array\n +maxItems: (\d+)/.exec(crd)?.[1],
    ).toBe(String(MAX_VOLUMES))
  })
})

/** libvirt's answers to calls in their order: undefined is success. */
function plugging(answers: (LibvirtError | undefined)[]): { plug: Plugging; calls: string[] } {
  const calls: string[] = []
  const call = async (name: string, { flags }: { flags: number }): Promise<unknown> => {
    calls.push(`${name} ${flags}`)
    const error = answers.shift()
    if (error) throw error
    return undefined
  }
  const domain = { name: 'd', uuid: Buffer.alloc(16), id: 1 }
  return { plug: { client: { call } as unknown as LibvirtClient, domain, checkServer: async () => undefined }, calls }
}
const refusal = (code: number, message: string) => new LibvirtError('x', { code, domain: 10, message })
const MISSING = refusal(99, "device not found: disk 'vdb' not found")
const PENDING = refusal(9, 'Device ua-vol-a is already in the process of unplug')
const LIVE = 1
const BOTH = 3

describe('applyVolumePlan', () => {
  test.each<[string, (LibvirtError | undefined)[], string[], string[]]>([
    ['asks for both at first', [undefined], [`detachDevice ${BOTH}`], []],
    [
      'asks the guest alone when the definition lacks it already',
      [MISSING, undefined],
      [`detachDevice ${BOTH}`, `detachDevice ${LIVE}`],
      [],
    ],
    [
      'is content when the guest lacks it too',
      [MISSING, MISSING],
      [`detachDevice ${BOTH}`, `detachDevice ${LIVE}`],
      [],
    ],
    ['waits for a guest that was asked', [MISSING, PENDING], [`detachDevice ${BOTH}`, `detachDevice ${LIVE}`], []],
    ['a machine that went off', [refusal(55, 'domain is not running')], [`detachDevice ${BOTH}`], []],
    ['says what else failed', [refusal(1, 'internal')], [`detachDevice ${BOTH}`], ['internal']],
  ])('detaching %s', async (_, answers, expected, failed) => {
    const { plug, calls } = plugging(answers)
    const failures = await applyVolumePlan(plug, planVolumes(has('a'), []), signal)
    expect(calls).toEqual(expected)
    expect(failures.map((error) => (error as Error).message)).toEqual(failed)
  })

  test('one that fails keeps no other waiting; no free slot has a reason of its own', async () => {
    const { plug, calls } = plugging([
      refusal(1, 'away'),
      refusal(1, 'internal error: No more available PCI slots'),
      undefined,
    ])
    const plan = planVolumes(has('a'), ['b', 'c'].map(want))
    const failures = await applyVolumePlan(plug, plan, signal)
    expect(calls).toEqual([`detachDevice ${BOTH}`, `attachDevice ${BOTH}`, `attachDevice ${BOTH}`])
    expect(failures).toMatchObject([{ message: 'away' }, { reason: 'NoFreeSlot' }])
  })

  test('a server is tried before QEMU is: one that is silent is not plugged', async () => {
    const { plug, calls } = plugging([])
    const silent = { ...plug, checkServer: () => Promise.reject(new Error('silent')) }
    expect(await applyVolumePlan(silent, planVolumes(has(), [want('a')]), signal)).toMatchObject([
      { message: 'silent' },
    ])
    expect(calls).toEqual([])
  })

  test('a run that is ended is not told what failed', async () => {
    const end = new AbortController()
    const { plug } = plugging([])
    const ending = { ...plug, checkServer: () => (end.abort(new Error('ended')), Promise.reject(new Error('silent'))) }
    await expect(applyVolumePlan(ending, planVolumes(has(), [want('a')]), end.signal)).rejects.toThrow('ended')
  })

  test('what finds no name is told, beside what is done', async () => {
    const { plug, calls } = plugging([])
    const plan = planVolumes(has(...many.slice(1)), ['x', 'y'].map(want))
    expect(new Set(plan.attach.map(({ index }) => index)).size).toBe(1)
    expect(await applyVolumePlan(plug, { ...plan, detach: [] }, signal)).toMatchObject([{ reason: 'TooManyVolumes' }])
    expect(calls).toEqual([`attachDevice ${BOTH}`])
  })

  test('what libvirt says of a volume is said as it is, but that there is no slot', async () => {
    const { plug } = plugging([refusal(1, 'internal')])
    expect(await applyVolumePlan(plug, planVolumes(has(), [want('a')]), signal)).toMatchObject([
      { message: 'internal' },
    ])
  })
})

describe('a path that is handed to a guest', () => {
  const at = (path: string): VolumeWant => ({ uid: 'v', connection: { protocol: 'file', path, format: 'raw' } })
  test('is a file, and leads through no link', async () => {
    const dir = realpathSync(mkdtempSync(join(tmpdir(), 'nephele-volumes-')))
    try {
      writeFileSync(join(dir, 'file'), '')
      symlinkSync(join(dir, 'file'), join(dir, 'link'))
      symlinkSync(dir, join(dir, 'folder'))
      await checkVolumePath(at(join(dir, 'file')))
      await checkVolumePath(want('somewhere-else'))
      for (const name of ['link', 'folder/file', '.'])
        await expect(checkVolumePath(at(join(dir, name)))).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
      await expect(checkVolumePath(at(join(dir, 'none')))).rejects.toMatchObject({ reason: 'VolumeMissing' })
      await expect(checkVolumePath(at(join(dir, 'file', 'x')))).rejects.toMatchObject({ code: 'ENOTDIR' })
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
