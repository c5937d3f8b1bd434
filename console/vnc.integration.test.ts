// SPDX-License-Identifier: Apache-2.0
// A machine's screen in a real browser: over a real bus to QEMU's VNC server, and to a guest with a shell on its screen.
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Browser, Page } from 'playwright-core'
import { Consoles } from '../agents/compute/consoles/consoles.ts'
import { UsedAccesses } from '../agents/compute/consoles/used-accesses.ts'
import type { LibvirtInstanceDriver } from '../agents/compute/drivers/libvirt/libvirt-instance-driver.ts'
import { startDriverNode, type DriverNode } from '../agents/compute/drivers/libvirt/testing.ts'
import { createLogger } from '../lib/log.ts'
import { makeMemoryFolder } from '../lib/memory-folder.ts'
import type { TestServer } from '../lib/nats/test-server.ts'
import { until } from '../lib/time/until.ts'
import { launchBrowser } from '../local/host/browser.ts'
import { buildConsolePage } from '../scripts/build.ts'
import { ConsoleServer } from './console-server.ts'
import { NodeConsoles } from './node-consoles.ts'
import { readPage } from './page-files.ts'
import { connectAgent, connectConsole, documentOf, startBus } from './testing/bus.ts'

const ORIGIN = 'https://console.test'
const log = createLogger('test', process.env['LOG_LEVEL'] ?? 'silent')
const signal = new AbortController().signal

let at: DriverNode
let driver: LibvirtInstanceDriver
let bus: TestServer
let dir: string
let server: ConsoleServer
let nodeConsoles: NodeConsoles
let consoles: Consoles
let browser: Browser
let machine: string

beforeAll(async () => {
  at = await startDriverNode()
  driver = at.newDriver()
  const want = at.want({ memoryMiB: 256 })
  machine = want.uid
  await driver.ensure(want, signal)
  await driver.setPower(machine, 'on', signal)
  dir = await makeMemoryFolder('nephele-console-vnc-')
  await buildConsolePage(join(dir, 'page'))
  bus = await startBus(log)
  const [consoleNc, agentNc] = [await connectConsole(bus), await connectAgent(bus, 'n1')]
  nodeConsoles = new NodeConsoles(consoleNc, log)
  consoles = new Consoles({
    ...{ node: 'n1', used: new UsedAccesses(join(dir, 'used')), log },
    listen: (subject, heard) =>
      void agentNc.subscribe(subject, { callback: (_, { subject: to, data }) => heard(to, data) }),
    say: (subject, data) => agentNc.publish(subject, data),
    open: (uid, _, until) => driver.openGraphics(uid, until),
  })
  server = new ConsoleServer({
    ...{ origin: ORIGIN, listen: { host: '127.0.0.1', port: 0 }, consoles: nodeConsoles, log },
    page: readPage(join(dir, 'page')),
    readTls: () => ({
      cert: readFileSync(join(bus.dir, 'server.crt')),
      key: readFileSync(join(bus.dir, 'server.key')),
    }),
  })
  await server.listen()
  browser = await launchBrowser({ 'console.test': `127.0.0.1:${server.port}` })
  await until(async () => (await driver.readConsoleLog(machine, 65_536)).includes('MARK login'), 'login', 180_000, 250)
  await consoles.allow(documentOf(machine, ['a', 'b', 'c', 'd'], { type: 'VNC', notAfter: '2100-01-01T00:00:00Z' }))
}, 400_000)
afterAll(async () => {
  await browser?.close()
  consoles?.stop()
  nodeConsoles?.stop()
  await server?.close()
  await bus?.[Symbol.asyncDispose]()
  driver?.close()
  await at?.node.stop()
  await rm(dir, { recursive: true, force: true })
})

let complaints: string[] = []
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
})
async function open(access: string, state: string | RegExp = /^open$/): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 640 } })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  complaints = []
  page.on('console', (message) => {
    // Of how often this test reads the picture.
    if (!message.text().startsWith('Canvas2D: ')) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${ORIGIN}/vnc/n1/${machine}/${access}#token=${encodeURIComponent(`token of ${access}`)}`)
  await page.locator('#state').filter({ hasText: state }).waitFor({ timeout: 15_000 })
  return page
}

interface Picture {
  width: number
  height: number
  /** Pixels that are not black, in each line of text: 16 rows of the screen. */
  lit: number[]
}
/** As the guest has it, not as the window shows it. */
const PICTURE = `(() => {
  const canvas = document.querySelector('canvas')
  if (!canvas?.width) return { width: 0, height: 0, lit: [] }
  const { width, height } = canvas
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height)
  const lit = []
  for (let i = 0; i < data.length; i += 4)
    if (data[i] + data[i + 1] + data[i + 2] > 120) {
      const line = Math.floor(i / 4 / width / 16)
      lit[line] = (lit[line] ?? 0) + 1
    }
  return { width, height, lit: Array.from(lit, (n) => n ?? 0) }
})()`
const look = (page: Page) => page.evaluate<Picture>(PICTURE)
const sum = ({ lit }: Picture) => lit.reduce((a, b) => a + b, 0)

/** Until the picture has stood still for a moment: a cursor blinks in it. */
async function settled(page: Page, isSo: (picture: Picture) => boolean): Promise<Picture> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const picture = await look(page)
    if (isSo(picture)) return picture
    await sleep(100)
  }
  const state = await page.locator('#state').innerText()
  throw new Error(`the screen is ${JSON.stringify(await look(page))}; ${state}; ${complaints.join('; ')}`)
}

/** The console's text is white on black in VGA's text mode. */
test('a shell on the screen answers what is typed and pasted; the picture says so', async () => {
  const page = await open('a')
  await settled(page, ({ width, height }) => width >= 640 && height >= 350)
  await page.locator('canvas').click()
  await page.keyboard.type('clear\n')
  const cleared = await settled(page, ({ lit }) => lit.slice(1).every((n) => n === 0) && (lit[0] ?? 0) > 0)
  // The prompt alone: "~ # " or "/ # ", and a cursor that may be lit or not.
  expect(sum(cleared)).toBeLessThan(400)
  // Twenty lines of one sign each.
  await page.keyboard.type('clear; for i in 1 2 3 4 5 6 7 8 9 10; do echo 88888888; done\n')
  const drawn = await settled(page, ({ lit }) => lit.slice(0, 10).every((n) => n > 100) && (lit[10] ?? 0) > 0)
  // The same signs have the same pixels.
  expect(new Set(drawn.lit.slice(0, 10)).size).toBe(1)
  await page.keyboard.type('clear\n')
  await settled(page, ({ lit }) => lit.slice(1).every((n) => n === 0))
  // Signs that need Shift, as keys; the guest says on its serial line what it has understood.
  await page.evaluate('navigator.clipboard.writeText("echo \\"MARK Pasted|~#$((6*7))\\" > /dev/ttyS0\\n")')
  await page.locator('button', { hasText: 'Paste' }).click()
  await until(
    async () => (await driver.readConsoleLog(machine, 4096)).includes('MARK Pasted|~#42'),
    'pasted, whole',
    20_000,
    100,
  )
  // More than QEMU keeps for its guest.
  await page
    .locator('#state')
    .filter({ hasText: /^open$/ })
    .waitFor()
  const lines = Array.from({ length: 6 }, (_, i) => `LINE ${i} ${'aB'.repeat(25)}`)
  const commands = lines.map((line) => `echo "MARK ${line}" > /dev/ttyS0\n`).join('')
  await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(commands)})`)
  await page.locator('button', { hasText: 'Paste' }).click()
  const heard = async () => (await driver.readConsoleLog(machine, 8192)).toString()
  await until(async () => (await heard()).includes('LINE 5'), 'the last line', 60_000, 250)
  const said = await heard()
  expect(lines.filter((line) => !said.includes(`MARK ${line}`))).toEqual([])
  await page
    .locator('#state')
    .filter({ hasText: /^open$/ })
    .waitFor()
  await page.evaluate('navigator.clipboard.writeText("x".repeat(5000))')
  await page.locator('button', { hasText: 'Paste' }).click()
  await page.locator('#state').filter({ hasText: '5000 signs are too many' }).waitFor()
  expect(complaints).toEqual([])
}, 120_000)

test('a smaller window shows the whole screen, smaller', async () => {
  const page = await open('b')
  await settled(page, ({ width }) => width >= 640)
  const shown = async () => (await page.locator('canvas').boundingBox())?.width ?? 0
  const before = await shown()
  await page.setViewportSize({ width: 420, height: 400 })
  for (const end = Date.now() + 10_000; Date.now() < end && (await shown()) >= before;) await sleep(50)
  expect(await shown()).toBeLessThanOrEqual(420)
}, 60_000)

test('one at a time: a second is refused, and one by force ends the first', async () => {
  const page = await open('c')
  const before = await settled(page, (picture) => picture.width >= 640 && sum(picture) > 0)
  const second = await open('d', 'ConsoleTaken')
  await consoles.allow({
    ...documentOf(machine, ['c', 'd', 'forced'], { type: 'VNC', force: true }),
  })
  await second.locator('button', { hasText: 'Try again' }).click()
  await second
    .locator('#state')
    .filter({ hasText: /^open$/ })
    .waitFor()
  await page.locator('#state').filter({ hasText: 'ConsoleClosed' }).waitFor()
  // What it showed last stays to be read, but for a cursor that blinks.
  const after = await look(page)
  expect([after.width, after.height]).toEqual([before.width, before.height])
  expect(sum(after)).toBeGreaterThan(sum(before) / 2)
  // The end of the machine is the end of it.
  await driver.setPower(machine, 'off', signal)
  await second.locator('#state').filter({ hasText: 'ConsoleClosed' }).waitFor()
  await open('forced', 'MachineOff')
}, 60_000)

test('nothing of it listens on a port, and its socket is for QEMU and root alone', async () => {
  await driver.setPower(machine, 'on', signal)
  const { stdout } = await at.node.exec(['ss', '-Hltnp'], { timeoutMs: 5_000 })
  expect(stdout).not.toContain('qemu')
  const find = ['find', '/var/lib/libvirt/qemu', '-name', 'vnc.sock', '-printf', '%u %m %h\n'] as const
  const [socket, ...others] = (await at.node.exec(find, { timeoutMs: 5_000 })).stdout.trim().split('\n')
  expect(others).toEqual([])
  const folder = socket?.split(' ')[2] ?? ''
  const { stdout: mode } = await at.node.exec(['stat', '-c', '%U %a', folder], { timeoutMs: 5_000 })
  expect(mode.trim()).toMatch(/^libvirt-qemu 7[0-5]0$/)
}, 60_000)
