// SPDX-License-Identifier: Apache-2.0
// Whoever writes an object that names much which is not there reads all of it at once.
import { describe, expect, test } from '@jest/globals'
import type { Image, Instance, Port, Volume } from '../../lib/api/types.ts'
import { done, waitFor } from '../../lib/outcome.ts'
import { machine, machineWorld, parts, setSecret, step } from '../testing/machine-world.ts'
import { stored } from '../testing/memory-deps.ts'
import { reconcilePort } from '../controllers/port/reconcile.ts'
import { allMissing } from './found.ts'

const at = (name: string) => ({ name })
const NOTHING: Partial<Instance['spec']> = {
  flavorRef: at('no-flavor'),
  imageRef: at('no-image'),
  keyPairRef: at('no-key'),
  userDataSecretRef: at('no-secret'),
  volumes: [{ volumeRef: at('no-disk') }, { volumeRef: at('no-more') }],
  networks: [{ networkRef: at('no-net') }, { portRef: at('no-port') }, { networkRef: at('lan') }],
}
const ALL = ['no-image', 'no-flavor', 'no-key', 'no-disk', 'no-more', 'no-secret', 'no-net', 'no-port']

describe('a machine names what is missing', () => {
  test.each<[string, Partial<Instance['spec']>, string, string[]]>([
    ['all of it', NOTHING, 'ImageNotFound', ALL],
    ['all but its image', { ...NOTHING, imageRef: at('guest') }, 'FlavorNotFound', ALL.slice(1)],
    [
      'key and disk',
      { keyPairRef: at('no-key'), volumes: NOTHING.volumes! },
      'KeyPairNotFound',
      ['no-key', 'no-disk', 'no-more'],
    ],
    [
      'two networks',
      { networks: [{ networkRef: at('lan') }, { networkRef: at('no-a') }, { networkRef: at('no-b') }] },
      'NetworkNotFound',
      ['no-a', 'no-b'],
    ],
    [
      'its Secret and a Port',
      { userDataSecretRef: at('no-secret'), networks: [{ portRef: at('no-port') }] },
      'SecretNotFound',
      ['no-secret', 'no-port'],
    ],
  ])('%s', async (_, spec, reason, names) => {
    const w = machineWorld()
    setSecret(w, undefined)
    const outcome = await step(w, machine(spec))
    expect(outcome).toMatchObject({ kind: 'wait', reason })
    const { message = '' } = outcome as { message?: string }
    const said = message.split('; ').map((part) => /no-[a-z]+/.exec(part)?.[0])
    expect(said).toEqual(names)
    expect(message).not.toContain(' lan ')
    // A Secret is looked for again: nothing announces it.
    const isLookedFor = names.includes('no-secret')
    expect('retryAfterMs' in outcome && outcome.retryAfterMs !== undefined).toBe(isLookedFor)
  })

  test('that it waits for an image is said with what else there is to do', async () => {
    const w = machineWorld()
    w.put('images', stored<Image>('guest', parts.image().spec))
    w.put('volumes', stored<Volume>('going', { sizeGiB: 1 }, { deleted: true }))
    const outcome = await step(w, machine({ flavorRef: at('no-flavor'), volumes: [{ volumeRef: at('going') }] }))
    expect(outcome).toMatchObject({
      reason: 'ImageNotReady',
      message: expect.stringMatching(/guest is not ready.*no-flavor.*going/),
    })
  })
})

describe('a Port names what is missing', () => {
  const groups = [at('no-a'), at('default'), at('no-b')]
  test.each<[string, object, string, string[]]>([
    ['its network and groups', { networkRef: at('no-net') }, 'NetworkNotFound', ['no-net', 'no-a', 'no-b']],
    ['its groups', { networkRef: at('lan') }, 'SecurityGroupNotFound', ['no-a', 'no-b']],
    [
      'its subnet and groups',
      { networkRef: at('lan'), fixedIPs: [{ subnetRef: at('no-sub') }] },
      'SubnetNotFound',
      ['no-sub', 'no-a', 'no-b'],
    ],
    [
      'its network alone, without port security',
      { networkRef: at('no-net'), portSecurityEnabled: false },
      'NetworkNotFound',
      ['no-net'],
    ],
  ])('%s', async (_, spec, reason, names) => {
    const w = machineWorld()
    const port = stored<Port>('p', { ...spec, securityGroupRefs: groups } as Port['spec'])
    w.put('ports', port)
    const outcome = await reconcilePort(port, w.deps, w.run)
    expect(outcome).toMatchObject({ kind: 'wait', reason })
    const { message = '' } = outcome as { message?: string }
    expect(message.split('; ').map((part) => /no-[a-z]+/.exec(part)?.[0])).toEqual(names)
  })
})

test('nothing twice, no more than can be read, and looked for as soon as the first asks for it', () => {
  expect(allMissing([undefined, done])).toBeUndefined()
  const many = Array.from({ length: 11 }, (_, i) => waitFor(`R${i}`, `m${i}`, i > 2 ? i * 1000 : undefined))
  expect(allMissing([undefined, many[0], many[0]])?.outcome).toEqual(waitFor('R0', 'm0'))
  expect(allMissing(many)?.outcome).toEqual(waitFor('R0', 'm0; m1; m2; m3; m4; m5; m6; m7; and 3 more', 3000))
})
