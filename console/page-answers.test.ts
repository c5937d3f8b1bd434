// SPDX-License-Identifier: Apache-2.0
// What who has no token may cost the process.
import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { createConnection, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { PageAnswers } from './page-answers.ts'
import { TEST_PAGE } from './testing/bus.ts'

/** More than the buffers of two ends of a connection take. */
const LARGE = randomBytes(24 * 1024 * 1024)
const SMALL = Buffer.from('// script\n'.repeat(100))
let server: Server
const clients: Socket[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  server.closeAllConnections()
  server.close()
})

async function serve(script: Buffer, limits?: { most: number; ms: number }): Promise<string> {
  const answers = new PageAnswers({ ...TEST_PAGE, 'console.js': script }, 'console.test', limits)
  server = createServer((request, response) => answers.answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Asks for the script, and reads nothing of it. */
function askAndWait(url: string): Promise<void> {
  const client = createConnection({ host: '127.0.0.1', port: Number(new URL(url).port) })
  client.on('error', () => undefined)
  client.pause()
  clients.push(client)
  return new Promise((resolve) => client.write('GET /page/console.js HTTP/1.1\r\nhost: x\r\n\r\n', () => resolve()))
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 250 && !(await isSo()); i++) await sleep(20)
  expect(await isSo()).toBe(true)
}
const statusOf = async (url: string): Promise<number> => (await fetch(`${url}/serial/n1/m/a`)).status

test('those who do not read are so many, and not for long', async () => {
  const url = await serve(LARGE, { most: 3, ms: 1_500 })
  await askAndWait(url)
  await askAndWait(url)
  await sleep(100)
  expect(await statusOf(url)).toBe(200)
  await askAndWait(url)
  await until(async () => (await statusOf(url)) === 503)
  // They are sent away, and others have their turn.
  await until(async () => (await statusOf(url)) === 200)
  for (let i = 0; i < 10; i++) expect(await statusOf(url)).toBe(200)
}, 20_000)

test.each([
  ['gzip, deflate, br', 'gzip'],
  ['gzip;q=0.5', 'gzip'],
  ['gzip;q=0, br', null],
  ['br', null],
  ['xgzip', null],
])('of who accepts %s it is %s', async (accepted, encoding) => {
  const url = await serve(SMALL)
  const answer = await fetch(`${url}/page/console.js`, { headers: { 'accept-encoding': accepted } })
  expect(answer.headers.get('content-encoding')).toBe(encoding)
  expect(Buffer.from(await answer.arrayBuffer()).equals(SMALL)).toBe(true)
})

test('one connection does not take the places of all', async () => {
  const url = await serve(LARGE, { most: 8, ms: 60_000 })
  const client = createConnection({ host: '127.0.0.1', port: Number(new URL(url).port) })
  clients.push(client)
  const closed = new Promise((resolve) => client.on('error', () => undefined).once('close', resolve))
  client.resume()
  client.write('GET /page/console.js HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(64))
  await closed
  await until(async () => (await statusOf(url)) === 200)
}, 20_000)
