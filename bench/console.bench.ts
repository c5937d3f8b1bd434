// SPDX-License-Identifier: Apache-2.0
// The whole way of a serial console but libvirt: a real browser, the console process's server, the bus with its accounts, the node's agent; the guest
// is a stream that echoes. From a key pressed to its echo drawn, and how fast output is drawn, with what it leaves in memory.
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { Consoles } from '../agents/compute/consoles/consoles.ts'
import { UsedAccesses } from '../agents/compute/consoles/used-accesses.ts'
import { ConsoleServer } from '../console/console-server.ts'
import { NodeConsoles } from '../console/node-consoles.ts'
import { readPage } from '../console/page-files.ts'
import { connectAgent, connectConsole, documentOf, startBus } from '../console/testing/bus.ts'
import { Guest } from '../console/testing/guest.ts'
import { createLogger } from '../lib/log.ts'
import { makeMemoryFolder } from '../lib/memory-folder.ts'
import { launchBrowser } from '../local/host/browser.ts'
import { buildConsolePage } from '../scripts/build.ts'
import { findOption } from './harness/arguments.ts'
import { quantile, toFigure, type Figure } from './harness/figure.ts'

export const about =
  'key to echo of a serial console in a browser, and output in MiB a second with the memory that it leaves'

const [ORIGIN, MACHINE] = ['https://console.test', 'm-1']
const [MOST_KEY_MS, LEAST_MIB_S, MOST_GROWTH_MIB] = [100, 8, 32]
const MIB = 1024 * 1024
const LINE = `${'0123456789'.repeat(7)}\r\n`
const LINES_IN_16_MIB = Math.round((16 * MIB) / LINE.length)

/** @param args --keys N (200); --rounds N (4): of 16 MiB each, behind one that warms up */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const [keys, rounds] = [findOption(args, 'keys', 200), findOption(args, 'rounds', 4)]
  const log = createLogger('bench', 'silent')
  const dir = await makeMemoryFolder('nephele-bench-console-')
  const bus = await startBus(log)
  const [consoleNc, agentNc] = [await connectConsole(bus), await connectAgent(bus, 'n1')]
  const guest = new Guest()
  const consoles = new Consoles({
    ...{ node: 'n1', used: new UsedAccesses(join(dir, 'used')), log },
    listen: (subject, heard) =>
      void agentNc.subscribe(subject, { callback: (_, { subject: at, data }) => heard(at, data) }),
    say: (subject, data) => agentNc.publish(subject, data),
    open: async () => guest,
  })
  await consoles.allow(documentOf(MACHINE, ['a']))
  await buildConsolePage(join(dir, 'page'))
  const nodeConsoles = new NodeConsoles(consoleNc, log)
  const readTls = () => ({
    cert: readFileSync(join(bus.dir, 'server.crt')),
    key: readFileSync(join(bus.dir, 'server.key')),
  })
  const server = new ConsoleServer({
    ...{ origin: ORIGIN, listen: { host: '127.0.0.1', port: 0 }, consoles: nodeConsoles, log, readTls },
    page: readPage(join(dir, 'page')),
  })
  await server.listen()
  const browser = await launchBrowser({ 'console.test': `127.0.0.1:${server.port}` })
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 600 } })
    await page.goto(`${ORIGIN}/serial/n1/${MACHINE}/a#token=token+of+a`)
    await page
      .locator('#state')
      .filter({ hasText: /^open$/ })
      .waitFor()
    return [...(await keyFigures(page, keys)), ...(await outputFigures(page, guest, rounds))]
  } finally {
    await browser.close()
    consoles.stop()
    nodeConsoles.stop()
    await server.close()
    await bus[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  }
}

/** In the page: from the event of a key to the row that has what the guest made of it. Each is another sign than the one before. */
const WATCH_KEY = `void (window.echo = new Promise((done) => {
  let pressed = 0
  addEventListener('keydown', () => (pressed = performance.now()), { once: true, capture: true })
  const rows = document.querySelector('.xterm-rows')
  const before = rows.textContent
  const watch = new MutationObserver(() => {
    if (pressed === 0 || rows.textContent.replace(/\\s/g, '') === before.replace(/\\s/g, '')) return
    watch.disconnect()
    done(performance.now() - pressed)
  })
  watch.observe(rows, { childList: true, subtree: true, characterData: true })
}))`

async function keyFigures(page: Page, keys: number): Promise<Figure[]> {
  const times: number[] = []
  for (let i = -10; i < keys; i++) {
    await page.evaluate(WATCH_KEY)
    await page.keyboard.press('abcdefghij'[(i + 10) % 10] ?? 'a')
    const ms = await page.evaluate<number>('window.echo')
    if (i >= 0) times.push(ms)
  }
  const p95 = quantile(times, 0.95)
  const common = { bench: 'console', unit: 'ms', n: keys }
  return [
    toFigure({ ...common, metric: 'key to echo, median', value: quantile(times, 0.5) }),
    toFigure({
      ...{ ...common, metric: 'key to echo, p95', value: p95 },
      target: { text: `≤ ${MOST_KEY_MS} ms`, pass: p95 <= MOST_KEY_MS },
    }),
  ]
}

async function outputFigures(page: Page, guest: Guest, rounds: number): Promise<Figure[]> {
  const rates: number[] = []
  const residents: number[] = []
  const heaps: number[] = []
  for (let i = 0; i <= rounds; i++) {
    const begin = performance.now()
    const mark = `end-of-round-${i}`
    guest.print(`${LINE.repeat(LINES_IN_16_MIB)}${mark}\r\n`)
    await page.locator('.xterm-rows').filter({ hasText: mark }).waitFor({ timeout: 120_000 })
    rates.push(guest.said / MIB / ((performance.now() - begin) / 1000))
    residents.push(process.memoryUsage().rss / MIB)
    heaps.push((await page.evaluate<number>('performance.memory.usedJSHeapSize')) / MIB)
  }
  const rate = quantile(rates.slice(1), 0.5)
  const growth = (values: number[]) => (values.at(-1) ?? 0) - (values[0] ?? 0)
  const bounded = (metric: string, value: number): Figure =>
    toFigure({
      ...{ bench: 'console', metric, value, unit: 'MiB', n: rounds },
      target: { text: `≤ ${MOST_GROWTH_MIB} MiB`, pass: value <= MOST_GROWTH_MIB },
    })
  return [
    toFigure({
      ...{ bench: 'console', metric: 'output drawn to its last line', value: rate, unit: 'MiB/s', n: rounds },
      target: { text: `≥ ${LEAST_MIB_S} MiB/s`, pass: rate >= LEAST_MIB_S },
    }),
    bounded('server, bus client and agent: growth of RSS', growth(residents)),
    bounded('page: growth of its heap', growth(heaps)),
  ]
}
