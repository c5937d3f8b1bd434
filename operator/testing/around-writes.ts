// SPDX-License-Identifier: Apache-2.0
import type { MemoryWorld } from './memory-deps.ts'

/** Has `atWrite` called before and after each write that a reconciler itself makes, to the apiserver and to the bus; what it throws is how the write ends. */
export function aroundWrites({ bus, run }: MemoryWorld, atWrite: (when: 'before' | 'after') => void): void {
  const around =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      atWrite('before')
      const answer = await call(...args)
      atWrite('after')
      return answer
    }
  const { desired } = bus
  Object.assign(desired, {
    publish: around(desired.publish.bind(desired)),
    withdraw: around(desired.withdraw.bind(desired)),
  })
  const { client } = run
  Object.assign(client, {
    create: around(client.create.bind(client)),
    remove: around(client.remove.bind(client)),
    update: around(client.update.bind(client)),
    updateStatus: around(client.updateStatus.bind(client)),
  })
}
