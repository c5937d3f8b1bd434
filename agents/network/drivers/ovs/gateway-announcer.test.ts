// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mapOf, setOf, uuidOf, type OvsRow } from '../../../../lib/ovsdb/values.ts'
import { announcementOf, gatewaysThatCame, reverseArp } from './announcement.ts'
import { injectPackets } from './openflow.ts'

const MAC = 'fa:16:3e:00:00:01'
const gateway: OvsRow = {
  logical_port: 'cr-router-r-gateway',
  mac: setOf([`${MAC} 10.97.0.9/24`]),
  external_ids: mapOf({ nephele_gateway_1: 'n1', nephele_gateway_network: 'net' }),
}
const localnet = (tag?: number): OvsRow => ({
  logical_port: 'localnet-net',
  tag: setOf(tag === undefined ? [] : [tag]),
})
const end = (name: string, ofport: OvsRow[string] = 7): Record<string, Record<string, OvsRow>> => ({
  Bridge: { b: { name, ports: setOf([uuidOf('p')]) } },
  Port: { p: { interfaces: setOf([uuidOf('i')]), external_ids: mapOf({ 'ovn-localnet-port': 'localnet-net' }) } },
  Interface: { i: { ofport } },
})
const view = (tables: Record<string, Record<string, OvsRow>>) => ({
  rows: (table: string) => new Map(Object.entries(tables[table] ?? {})),
})
const bindings = (tag?: number) => new Map([['l', localnet(tag)]])

test('a gateway is announced where the integration bridge is connected to its physical network', () => {
  expect(announcementOf(gateway, bindings(), view(end('br-ex')))).toEqual({
    ...{ bridge: 'br-ex', inPort: 7 },
    frame: reverseArp(MAC),
  })
  expect(announcementOf(gateway, bindings(12), view(end('br-ex')))?.frame).toEqual(reverseArp(MAC, 12))
})

test.each([
  ['the integration bridge has the other end', gateway, end('br-int')],
  ['the port is not open', gateway, end('br-ex', setOf([]))],
  ['the port could not be opened', gateway, end('br-ex', -1)],
  ['the node has no such port', gateway, {}],
  ['it is no gateway', { ...gateway, external_ids: mapOf({}) }, end('br-ex')],
  ['its address is no MAC address', { ...gateway, mac: setOf(['router']) }, end('br-ex')],
])('nothing is announced when %s', (_, row, tables) => {
  expect(announcementOf(row, bindings(), view(tables))).toBeUndefined()
})

test('a reverse ARP request for its own address', () => {
  const body = '000108000604' + '0003' + 'fa163e000001' + '00000000' + 'fa163e000001' + '00000000'
  expect(reverseArp(MAC).toString('hex')).toBe('ffffffffffff' + 'fa163e000001' + '8035' + body)
  expect(reverseArp(MAC, 300).toString('hex')).toBe('ffffffffffff' + 'fa163e000001' + '8100012c' + '8035' + body)
})

const chassis = new Map([
  ['c1', { name: 'n1' }],
  ['c2', { name: 'n2' }],
])
const on = (uuid?: string, row: OvsRow = gateway): OvsRow => ({ ...row, chassis: setOf(uuid ? [uuidOf(uuid)] : []) })

test.each([
  ['claimed', on(), on('c1'), ['u']],
  ['taken over', on('c2'), on('c1'), ['u']],
  ['taken over from a chassis that is gone', on('c9'), on('c1'), ['u']],
  ['claimed by another', on(), on('c2'), []],
  ['changed otherwise', on('c1'), { ...on('c1'), tag: 3 }, []],
  ['released', on('c1'), on(), []],
  ['seen for the first time', undefined, on('c1'), []],
  ['gone', on('c1'), undefined, []],
  ['of something else', on(undefined, localnet()), on('c1', localnet()), []],
])('a gateway that was %s', (_, before, after, come) => {
  const change = { table: 'Port_Binding', uuid: 'u', ...(before ? { before } : {}), ...(after ? { after } : {}) }
  expect(gatewaysThatCame([change], 'n1', chassis, true)).toEqual(come)
})

test('a gateway that was made and claimed at once has come, but for the first look', () => {
  const change = { table: 'Port_Binding', uuid: 'u', after: on('c1') }
  expect([false, true].map((isFirst) => gatewaysThatCame([change], 'n1', chassis, isFirst))).toEqual([['u'], []])
})

/** A bridge's management socket, which answers each message as it is told to. */
async function bridge(answer: (type: number, socket: Socket, message: Buffer) => void) {
  const dir = mkdtempSync(join(tmpdir(), 'nephele-of-'))
  const server = createServer((socket) => {
    let unread = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk])
      while (unread.length >= 8 && unread.length >= unread.readUInt16BE(2)) {
        const message = unread.subarray(0, unread.readUInt16BE(2))
        unread = unread.subarray(message.length)
        answer(message.readUInt8(1), socket, message)
      }
    })
  })
  const path = join(dir, 'br-ex.mgmt')
  await new Promise<void>((done) => server.listen(path, done))
  return {
    path,
    async [Symbol.asyncDispose]() {
      await new Promise((done) => server.close(done))
      rmSync(dir, { recursive: true })
    },
  }
}
const hex = (text: string) => Buffer.from(text, 'hex')
const soon = () => AbortSignal.timeout(2_000)

test('packets go through the tables of the bridge, which says when it is done', async () => {
  const seen: string[] = []
  await using open = await bridge((type, socket, message) => {
    seen.push(message.toString('hex'))
    // HELLO of OpenFlow 1.5, cut in two.
    if (type === 0) socket.write(hex('0600000800'))
    if (type === 0) setTimeout(() => socket.write(hex('000001' + '010200080000' + '0002')), 10)
    if (type === 18) socket.write(hex('0113000800000000'))
  })
  await injectPackets(open.path, [{ inPort: 7, frame: hex('aabb') }], soon())
  const out = '010d001a00000000' + 'ffffffff' + '0007' + '0008' + '00000008fff90000' + 'aabb'
  expect(seen).toEqual(['0100000800000000', '0103000800000000', out, '0112000800000000'])
})

test.each([
  ['speaks no OpenFlow 1.0', hex('0101000c' + '00000000' + '00000000'), 'OpenFlow error 0/0'],
  ['refuses the packet', hex('0101000c' + '00000000' + '00010002'), 'OpenFlow error 1/2'],
])('a bridge that %s', async (_, answer, message) => {
  await using open = await bridge((type, socket) => type === 0 && socket.write(answer))
  await expect(injectPackets(open.path, [], soon())).rejects.toThrow(message)
})

test('a bridge that hangs up, one that says nothing, and none', async () => {
  await using closing = await bridge((_, socket) => socket.end())
  await expect(injectPackets(closing.path, [], soon())).rejects.toThrow('closed the connection')
  await using silent = await bridge(() => undefined)
  await expect(injectPackets(silent.path, [], AbortSignal.timeout(50))).rejects.toThrow('timeout')
  await expect(injectPackets('/nowhere', [], soon())).rejects.toThrow('cannot connect')
})
