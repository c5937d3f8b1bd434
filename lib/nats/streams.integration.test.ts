// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { jetstreamManager } from '@nats-io/jetstream'
import { DESIRED_BUCKET, streamOf } from '../contract/subjects.ts'
import { DEFAULT_LIMITS, ensureConsumer, ensureStreams } from './streams.ts'
import { TestServer } from './test-server.ts'

/** One more than nats-server allows in a stream by default. */
const NODES = 1_001

test('a cloud of more than a thousand nodes: each has its consumer', async () => {
  await using server = await TestServer.start()
  const nc = await server.connectOperator()
  await ensureStreams(nc, DEFAULT_LIMITS)
  const nodes = Array.from({ length: NODES }, (_, i) => `n${i}`)
  for (let i = 0; i < NODES; i += 50)
    await Promise.all(nodes.slice(i, i + 50).map((node) => ensureConsumer(nc, node, undefined, 20_000)))
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 20_000 })
  const { state } = await jsm.streams.info(streamOf(DESIRED_BUCKET))
  expect(state.consumer_count).toBe(NODES)
}, 90_000)
