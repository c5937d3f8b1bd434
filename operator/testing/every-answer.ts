// SPDX-License-Identifier: Apache-2.0
import { setImmediate } from 'node:timers/promises'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { callName } from './call-name.ts'
import type { MemoryWorld } from './memory-deps.ts'

/** Makes a new world and a run in it; the run reaches the outside only through `deps` and `run`. */
export type Scene = () => Promise<{ world: MemoryWorld; go: (world: MemoryWorld) => Promise<unknown> }>

/**
 * Checks that a run awaits each of its calls to the outside (bus, logical network, addresses, apiserver) before the next one, and ends when
 * one fails. For tests.
 * @returns the calls in order, such as `desired.publish`
 * @throws if the run does not await a call or goes on after one that failed
 */
export async function listAnswered(scene: Scene): Promise<string[]> {
  const calls = await play(scene, Infinity)
  if (calls.failed) throw new Error('the run fails by itself', { cause: calls.failed })
  for (const [index, call] of calls.begun.entries()) {
    const { begun, failed } = await play(scene, index)
    if (!(failed instanceof Refusal)) throw new Error(`the run does not wait for ${call} (${index + 1})`)
    if (begun.length > index + 1) throw new Error(`${begun[index + 1]} is asked before ${call} has its answer`)
  }
  return calls.begun
}

class Refusal extends Error {}

/** @param failing the index of the call that fails, a moment after it was made */
async function play(scene: Scene, failing: number): Promise<{ begun: string[]; failed: unknown }> {
  const { world, go } = await scene()
  const begun: string[] = []
  const answer = async (work: () => unknown): Promise<unknown> => {
    const index = begun.length - 1
    await setImmediate()
    if (index === failing) throw new Refusal()
    return work()
  }
  const watched = <T extends object>(target: T, name: string, asked: RegExp, inner: object = {}): T =>
    new Proxy(target, {
      get(_, property) {
        const text = String(property)
        if (Object.hasOwn(inner, text)) return inner[text as keyof typeof inner]
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        if (!asked.test(text)) return value.bind(target) as unknown
        return (...args: unknown[]) => {
          begun.push(`${name}.${callName(text, args)}`)
          return answer(() => value.apply(target, args) as unknown)
        }
      },
    })
  const { deps } = world
  const desired = watched(deps.bus.desired, 'desired', /^(publish|withdraw|read)$/)
  const asked: OperatorDeps = {
    ...deps,
    bus: watched(deps.bus, 'bus', /^(admitNode|dismissNode|endSessions)$/, { desired }),
    network: watched(deps.network, 'network', /^(ensure|remove)/),
    addresses: watched(deps.addresses, 'addresses', /^(claim|release)$/),
    ranges: watched(deps.ranges, 'ranges', /^change$/),
  }
  const client = watched(world.run.client, 'client', /^(create|remove|mergePatch|update)/)
  // A call that is not awaited rejects unhandled: finding that is the purpose, so it must not end the process.
  const ignore = () => undefined
  process.on('unhandledRejection', ignore)
  try {
    await go({ ...world, deps: asked, run: { ...world.run, client } })
    for (let turns = 0; turns < 5; turns++) await setImmediate()
    return { begun, failed: undefined }
  } catch (failed) {
    for (let turns = 0; turns < 5; turns++) await setImmediate()
    return { begun, failed }
  } finally {
    process.off('unhandledRejection', ignore)
  }
}
