// SPDX-License-Identifier: Apache-2.0
import { JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { headers, type MsgHdrs } from '@nats-io/transport-node'
import { streamOf, type Bucket } from '../contract/subjects.ts'
import type { NatsConnection } from './connect.ts'
import { ANSWER_MS } from './streams.ts'

const OPERATION = 'KV-Operation'
const WRONG_LAST_SEQUENCE = 10071
/** A killed server can forget only what is younger than its last checkpoint, made every two minutes. */
const MARKED_FOR = '10m'

/**
 * Removes a key with its history, and marks it as removed for a while, as KV stores do (ADR-8). Without the mark a killed server may forget
 * that the key's older messages were replaced: with nothing after them, they become the last ones again [measured, nats-server 2.15].
 * Nobody is notified: absence is never a command.
 * @param upTo the revision to remove; undefined: whatever is there
 * @returns the mark's revision; undefined when somebody wrote the key again meanwhile, which then stays
 */
export async function removeKey(
  nc: NatsConnection,
  bucket: Bucket,
  subject: string,
  upTo?: number,
  answerMs = ANSWER_MS,
): Promise<number | undefined> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: answerMs })
  // The purge comes first: a full bucket accepts no mark.
  await jsm.streams.purge(streamOf(bucket), { filter: subject, ...(upTo === undefined ? {} : { seq: upTo + 1 }) })
  const mark = headers()
  mark.set(OPERATION, 'DEL')
  try {
    const ack = await jetstream(nc).publish(subject, '', {
      headers: mark,
      ttl: MARKED_FOR,
      timeout: answerMs,
      expect: { lastSubjectSequence: 0 },
    })
    return ack.seq
  } catch (error) {
    if (isWrongLastSequence(error)) return undefined
    throw error
  }
}

/** Whether these headers say that the key was removed. */
export function isMark(of: MsgHdrs | undefined): boolean {
  return of !== undefined && of.get(OPERATION) !== ''
}

/** The write expected another revision than the present one. */
export function isWrongLastSequence(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE
}
