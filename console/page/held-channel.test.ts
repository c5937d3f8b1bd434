// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { HeldChannel } from './held-channel.ts'

class FakeSocket extends EventTarget {
  say(data: string): void {
    this.dispatchEvent(new MessageEvent('message', { data }))
  }
}

test('what came before anybody listened is heard first, once, and in order', async () => {
  const socket = new FakeSocket()
  const channel = new HeldChannel(socket as unknown as WebSocket)
  const heard: unknown[] = []
  socket.say('RFB 003.008\n')
  channel.onmessage = ({ data }) => heard.push(data)
  expect(heard).toEqual([])
  socket.say('second')
  await Promise.resolve()
  expect(heard).toEqual(['RFB 003.008\n', 'second'])
  socket.say('third')
  expect(heard).toEqual(['RFB 003.008\n', 'second', 'third'])
})

test('it has all that noVNC asks of a channel', () => {
  const channel = new HeldChannel(new FakeSocket() as unknown as WebSocket)
  const names = [...Object.keys(channel), ...Object.getOwnPropertyNames(HeldChannel.prototype)]
  // https://github.com/novnc/noVNC/blob/v1.7.0/core/websock.js
  const asked = ['send', 'close', 'binaryType', 'onerror', 'onmessage', 'onopen', 'protocol', 'readyState']
  expect(asked.filter((name) => !names.includes(name))).toEqual([])
})
