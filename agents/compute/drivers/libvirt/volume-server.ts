// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net'
import { TransientError } from '../../../../lib/errors.ts'
import { within } from '../../../../lib/within.ts'
import type { VolumeConnection } from '../../../../lib/contract/documents.ts'

type NbdConnection = Extract<VolumeConnection, { protocol: 'nbd' }>
/** Resolves when the server of a volume answers. @throws TransientError `VolumeServerSilent` */
export type CheckVolumeServer = (server: Pick<NbdConnection, 'host' | 'port'>, signal: AbortSignal) => Promise<void>

const ANSWER_WITHIN_MS = 3_000
/** What an NBD server says first, before any TLS: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md */
const GREETING = Buffer.from('NBDMAGICIHAVEOPT', 'latin1')

/**
 * Connects as QEMU is about to, and disconnects. QEMU connects in its main loop: when packets are dropped, the guest is frozen for minutes
 * at each attempt. Here only this attempt is lost.
 */
export async function checkVolumeServer(
  { host, port }: Pick<NbdConnection, 'host' | 'port'>,
  signal: AbortSignal,
  timeoutMs = ANSWER_WITHIN_MS,
): Promise<void> {
  signal.throwIfAborted()
  const socket = connect({ host, port })
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  let heard = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    heard = Buffer.concat([heard, chunk])
    if (!GREETING.subarray(0, heard.length).equals(heard.subarray(0, GREETING.length))) {
      reject(new Error('the peer is not an NBD server'))
    } else if (heard.length >= GREETING.length) resolve(undefined)
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the server hung up')))
  try {
    await within(promise, { timeoutMs, signal })
  } catch (error) {
    signal.throwIfAborted()
    throw new TransientError(
      'VolumeServerSilent',
      `the node that serves the volume does not answer on port ${port}: is it up, and does its firewall let this node in?`,
      { cause: error },
    )
  } finally {
    socket.destroy()
  }
}
