// SPDX-License-Identifier: Apache-2.0
// The page in a real browser, over a real bus, to a guest that echoes.
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { Consoles } from '../agents/compute/consoles/consoles.ts'
import { UsedAccesses } from '../agents/compute/consoles/used-accesses.ts'
import { WINDOW_BYTES } from '../lib/console/console-channel.ts'
import { createLogger } from '../lib/log.ts'
import { makeMemoryFolder } from '../lib/memory-folder.ts'
import type { NatsConnection } from '../lib/nats/connect.ts'
import type { TestServer } from '../lib/nats/test-server.ts'
import { launchBrowser } from '../local/host/browser.ts'
import { buildConsolePage } from '../scripts/build.ts'
import { ConsoleServer } from './console-server.ts'
import { NodeConsoles } from './node-consoles.ts'
import { readPage } from './page-files.ts'
import { connectAgent, connectConsole, documentOf, startBus } from './testing/bus.ts'
import { Guest } from './testing/guest.ts'

const ORIGIN = 'https://console.test'
const MACHINE = 'm-1'
const log = createLogger('test', process.env['LOG_LEVEL'] ?? 'silent')

let bus: TestServer
let consoleNc: NatsConnection
let agentNc: NatsConnection
let subscription: { unsubscribe(): void } | undefined
let dir: string
let browser: Browser
let context: BrowserContext
let server: ConsoleServer
let nodeConsoles: NodeConsoles
let consoles: Consoles
let guests: Guest[]
/** What pages asked for, complained of, and what their policy refused. */
let requests: string[]
let complaints: string[]

beforeAll(async () => {
  dir = await makeMemoryFolder('nephele-console-page-')
  await buildConsolePage(join(dir, 'page'))
  bus = await startBus(log)
  ;[consoleNc, agentNc] = [await connectConsole(bus), await connectAgent(bus, 'n1')]
  nodeConsoles = new NodeConsoles(consoleNc, log)
  server = new ConsoleServer({
    ...{ origin: ORIGIN, listen: { host: '127.0.0.1', port: 0 }, consoles: nodeConsoles, log },
    page: readPage(join(dir, 'page')),
    readTls: readCertificate,
  })
  await server.listen()
  browser = await launchBrowser({ 'console.test': `127.0.0.1:${server.port}` })
}, 60_000)
afterAll(async () => {
  await browser?.close()
  nodeConsoles?.stop()
  await server?.close()
  await bus?.[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

beforeEach(async () => {
  ;[guests, requests, complaints] = [[], [], []]
  await rm(join(dir, 'used'), { recursive: true, force: true })
  startAgent()
  await consoles.allow(documentOf(MACHINE, ['a', 'b']))
  await agentNc.flush()
  context = await browser.newContext({ viewport: { width: 1000, height: 600 } })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
})
afterEach(async () => {
  await context.close()
  consoles.stop()
  subscription?.unsubscribe()
})

const readCertificate = () => ({
  cert: readFileSync(join(bus.dir, 'server.crt')),
  key: readFileSync(join(bus.dir, 'server.key')),
})

function startAgent(): void {
  consoles = new Consoles({
    ...{ node: 'n1', used: new UsedAccesses(join(dir, 'used')), log },
    listen: (subject, heard) => {
      subscription = agentNc.subscribe(subject, { callback: (_, { subject: at, data }) => heard(at, data) })
    },
    say: (subject, data) => agentNc.publish(subject, data),
    open: async () => {
      const guest = new Guest()
      guests.push(guest)
      return guest
    },
  })
}

async function visit(path: string): Promise<Page> {
  const page = await context.newPage()
  page.on('request', (request) => requests.push(request.url()))
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${ORIGIN}${path}`)
  return page
}

const pathOf = (access: string) => `/serial/n1/${MACHINE}/${access}`

async function open(access: string): Promise<Page> {
  const page = await visit(`${pathOf(access)}#token=${encodeURIComponent(`token of ${access}`)}&name=first`)
  await sees(page, '#state', /^open$/)
  return page
}

async function sees(page: Page, selector: string, text: string | RegExp, timeout = 10_000): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).waitFor({ timeout })
}
async function submit(page: Page, text: string): Promise<void> {
  await page.fill('#token', text)
  await page.locator('form button').click()
}
const seesText = (page: Page, text: string, timeout?: number) => sees(page, '.xterm-rows', text, timeout)

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end && !isSo();) await sleep(20)
  expect(isSo()).toBe(true)
}

test('what is typed and pasted reaches the guest, and what it prints the terminal', async () => {
  const page = await open('a')
  expect(await page.title()).toBe(`console of machine ${MACHINE}`)
  await page.keyboard.type('root')
  await seesText(page, '<r><o><o><t>')
  // As a person does it, with what another program has copied.
  await page.evaluate('navigator.clipboard.writeText("päste me")')
  await page.keyboard.press('Shift+Insert')
  await until(() => guests[0]?.heard === 'rootpäste me')
  await page.locator('button', { hasText: 'Paste' }).click()
  await until(() => guests[0]?.heard === 'rootpäste mepäste me')
  await page.keyboard.press('Control+C')
  await until(() => guests[0]?.heard.endsWith('\x03') === true)
}, 60_000)

test('a long text is pasted whole', async () => {
  const page = await open('a')
  await page.evaluate('navigator.clipboard.writeText("ä".repeat(100_000))')
  await page.locator('button', { hasText: 'Paste' }).click()
  await until(() => (guests[0]?.typedBytes ?? 0) >= 200_000)
  expect([guests[0]?.typedBytes, await page.locator('#state').innerText()]).toEqual([200_000, 'open'])
}, 60_000)

test('nothing is asked of anybody else, nor anything done that the policy forbids; the token stands nowhere', async () => {
  const page = await open('a')
  guests[0]?.push('\x1b[31mred\x1b[0m <img src=x onerror=alert(1)>\r\n')
  await seesText(page, 'onerror=alert(1)')
  const sent = requests.filter((url) => !url.startsWith('data:'))
  expect([...new Set(sent.map((url) => new URL(url).pathname))].sort()).toEqual([
    '/page/console.css',
    '/page/console.js',
    pathOf('a'),
  ])
  expect(new Set(sent.map((url) => new URL(url).origin))).toEqual(new Set([ORIGIN]))
  expect(complaints).toEqual([])
  expect(page.url()).toBe(`${ORIGIN}${pathOf('a')}`)
  expect(await page.evaluate('history.length')).toBe(2)
  expect(await page.content()).not.toContain('token of')
})

test('a larger window is a larger terminal, and a button tells the guest', async () => {
  const page = await open('a')
  const columns = async (): Promise<number> => {
    const before = guests[0]?.heard.length ?? 0
    await page.locator('button', { hasText: 'Send size' }).click()
    const said = () => /stty rows \d+ cols (\d+)\r$/.exec(guests[0]?.heard.slice(before) ?? '')?.[1]
    await until(() => said() !== undefined)
    return Number(said())
  }
  const before = await columns()
  await page.setViewportSize({ width: 1400, height: 800 })
  for (const end = Date.now() + 10_000; Date.now() < end && (await columns()) <= before;) await sleep(100)
  expect(await columns()).toBeGreaterThan(before)
}, 60_000)

test('a page that does not draw slows its guest down, and loses nothing', async () => {
  const page = await open('a')
  const line = `${'0123456789'.repeat(7)}\r\n`
  const busy = page.evaluate('{ const end = Date.now() + 3000; while (Date.now() < end); }')
  guests[0]?.print(`${line.repeat(200_000)}last-line`)
  await sleep(2_000)
  const first = guests[0]?.said ?? 0
  await sleep(500)
  expect(guests[0]?.said).toBe(first)
  // Its own window, two of the way, and what streams between keep.
  expect(first).toBeLessThan(4 * WINDOW_BYTES)
  await busy
  await seesText(page, 'last-line', 60_000)
}, 90_000)

test('refused is a second use, another token, and what is over its time; each says why', async () => {
  const page = await open('a')
  await page.close()
  const second = await visit(`${pathOf('a')}#token=${encodeURIComponent('token of a')}`)
  await sees(second, '#state', 'AccessUsed')
  const wrong = await visit(`${pathOf('b')}#token=${encodeURIComponent('token of a')}&name=first`)
  await sees(wrong, '#state', 'AccessUnknown')
  expect([await wrong.title(), await wrong.locator('#name').innerText()]).toEqual(['console', 'console'])
  // By hand, in a page whose URL had none.
  const other = await visit(pathOf('b'))
  await sees(other, '#label', 'Token of the ConsoleAccess')
  await submit(other, 'token of a')
  await sees(other, '#state', 'AccessUnknown')
  await submit(other, 'token of b')
  await sees(other, '#state', /^open$/)
  await consoles.allow(documentOf(MACHINE, ['late'], { notAfter: new Date(Date.now() - 1).toISOString() }))
  await sees(other, '#state', 'AccessWithdrawn')
  const late = await visit(`${pathOf('late')}#token=${encodeURIComponent('token of late')}`)
  await sees(late, '#state', 'AccessExpired')
  await consoles.forget(MACHINE)
  const gone = await visit(`${pathOf('b')}#token=${encodeURIComponent('token of b')}`)
  await sees(gone, '#state', 'AccessUnknown')
}, 60_000)

test('a page of another origin opens nothing', async () => {
  const stranger = createServer(readCertificate(), (_, response) => response.end('<!doctype html>'))
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  try {
    const page = await context.newPage()
    await page.goto(`https://127.0.0.1:${(stranger.address() as AddressInfo).port}/`)
    const url = `wss://console.test${pathOf('a')}`
    const ended = await page.evaluate(
      `new Promise((done) => { const s = new WebSocket(${JSON.stringify(url)}, 'nephele-console.v1'); s.onopen = () => done('open'); s.onclose = (e) => done(e.code) })`,
    )
    expect(ended).toBe(1006)
    expect(guests).toEqual([])
    // The token has not been used: its own page opens it.
    await open('a')
  } finally {
    stranger.closeAllConnections()
    stranger.close()
  }
})

test('a restart of the agent ends it, and says what to do; the URL of the next one opens it from the same page', async () => {
  const page = await open('a')
  consoles.stop()
  await sees(page, '#state', 'AgentStopping')
  await sees(page, '#state', 'Make a new ConsoleAccess')
  subscription?.unsubscribe()
  startAgent()
  await consoles.allow(documentOf(MACHINE, ['a', 'b']))
  await agentNc.flush()
  await sees(page, '#label', 'URL of a new ConsoleAccess')
  await submit(page, 'token of b')
  await sees(page, '#state', 'this is no URL')
  await submit(page, `https://console.test.example${pathOf('b')}#token=x`)
  await sees(page, '#state', 'not of https://console.test')
  await submit(page, `${ORIGIN}${pathOf('b')}#token=${encodeURIComponent('token of b')}`)
  await sees(page, '#state', /^open$/)
  expect(page.url()).toBe(`${ORIGIN}${pathOf('b')}`)
  await page.locator('.xterm').click()
  await page.keyboard.type('x')
  await seesText(page, '<x>')
})

test('a link that is followed while a console is open changes nothing', async () => {
  const page = await open('a')
  await page.evaluate('location.hash = "#token=other"')
  for (const end = Date.now() + 5_000; Date.now() < end && page.url().includes('#');) await sleep(20)
  expect(page.url()).toBe(`${ORIGIN}${pathOf('a')}`)
  await page.keyboard.type('x')
  await seesText(page, '<x>')
  expect(await page.locator('#state').innerText()).toBe('open')
})
