// SPDX-License-Identifier: Apache-2.0
import { EventEmitter } from 'node:events'
import { beforeEach, expect, test } from '@jest/globals'
import { limitConnections } from './connection-limits.ts'

class Connection extends EventEmitter {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly peer: string
  isClosed = false
  constructor(remoteAddress: string, remotePort: number, peer = '') {
    super()
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.peer = peer
  }
  destroy(): void {
    this.isClosed = true
    this.emit('close')
  }
}

let server: EventEmitter
let port: number

beforeEach(() => {
  server = new EventEmitter()
  port = 1000
  limitConnections(server, { handshakes: 2, perPeer: 3 }, (socket) => (socket as unknown as Connection).peer)
})
const open = (address: string) => {
  const connection = new Connection(address, (port += 1))
  server.emit('connection', connection)
  return connection
}
const show = ({ remoteAddress, remotePort }: Connection, peer: string) => {
  const connection = new Connection(remoteAddress, remotePort, peer)
  server.emit('secureConnection', connection)
  return connection
}

test('one address has few connections that show no certificate, and others have theirs', () => {
  const [first, second, third] = [open('10.0.0.1'), open('10.0.0.1'), open('10.0.0.1')]
  expect([first, second, third].map(({ isClosed }) => isClosed)).toEqual([false, false, true])
  expect(open('10.0.0.2').isClosed).toBe(false)
  first.destroy()
  expect(open('10.0.0.1').isClosed).toBe(false)
  expect(open('10.0.0.1').isClosed).toBe(true)
})

test('one that has shown its certificate leaves that place to the next, once', () => {
  const first = open('10.0.0.1')
  open('10.0.0.1')
  show(first, 'node-1')
  expect(open('10.0.0.1').isClosed).toBe(false)
  first.destroy()
  expect(open('10.0.0.1').isClosed).toBe(true)
})

test('one peer has its share, from whatever address, and gets it back', () => {
  const of = (peer: string, address: string) => show(open(address), peer)
  const shown = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((address) => of('node-1', address))
  expect(shown.map(({ isClosed }) => isClosed)).toEqual([false, false, false, true])
  expect(of('node-2', '10.0.0.1').isClosed).toBe(false)
  shown[0]?.destroy()
  expect([of('node-1', '10.0.0.1').isClosed, of('node-1', '10.0.0.1').isClosed]).toEqual([false, true])
})
