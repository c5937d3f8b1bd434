// SPDX-License-Identifier: Apache-2.0
// Consoles in a real browser, with the URLs that the plug-in prints: serial and screen, what ends them, and what opens none.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Browser, Page } from 'playwright-core'
import { exec } from '../../lib/exec.ts'
import { CONSOLE_ACCESS, INSTANCE, SECRET } from '../../lib/api/kinds.ts'
import type { ConsoleAccess, Secret } from '../../lib/api/types.ts'
import { NODE_PROGRAM, REPOSITORY } from '../../local/cloud/layout.ts'
import { launchBrowser } from '../../local/host/browser.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let browser: Browser
beforeAll(async () => {
  project = await Project.create('browser', { net: '10.95.0.0/24' })
  browser = await launchBrowser()
  await project.boot('vm', { networks: [{ networkRef: { name: 'net' } }] })
  await waitUntilTrue(
    'the guest’s shell',
    async () => (await project.marks('vm')).some(({ what }) => what === 'login'),
    180_000,
  )
}, 400_000)
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
})
afterAll(async () => {
  await browser?.close()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

async function urlOf(...words: string[]): Promise<string> {
  const argv = [NODE_PROGRAM, `${REPOSITORY}/cli/main.ts`, '-n', project.namespace, ...words] as const
  const env = { ...process.env, NODE_OPTIONS: '', KUBECONFIG: project.test.cloud.kubeconfigPath }
  return (await exec(argv, { timeoutMs: 60_000, env })).stdout.trim()
}

async function visit(url: string, state: RegExp | string, page?: Page): Promise<Page> {
  const shown = page ?? (await browser.newPage({ viewport: { width: 900, height: 500 } }))
  await shown.goto(url)
  await says(shown, state)
  return shown
}
const says = (page: Page, state: RegExp | string) =>
  page.locator('#state').filter({ hasText: state }).waitFor({ timeout: 30_000 })
const shows = (page: Page, text: string) =>
  page.locator('.xterm-rows').filter({ hasText: text }).waitFor({ timeout: 30_000 })

/** Pixels of the guest's picture that are not black. */
const lit = (page: Page) =>
  page.evaluate<number>(`(() => {
  const canvas = document.querySelector('canvas')
  if (!canvas?.width) return -1
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  let count = 0
  for (let i = 0; i < data.length; i += 4) if (data[i] + data[i + 1] + data[i + 2] > 120) count++
  return count
})()`)

test('the serial console answers in a page, once; another origin opens nothing', async () => {
  const url = await urlOf('console', 'vm', '--web')
  const stranger = await browser.newPage()
  await stranger.goto('data:text/html,x')
  const path = url.replace(/^https/, 'wss').replace(/#.*/, '')
  const dial = `new Promise((done) => { const s = new WebSocket('${path}', 'nephele-console.v1'); s.onopen = () => done('open'); s.onclose = () => done('refused') })`
  expect(await stranger.evaluate(dial)).toBe('refused')
  const page = await visit(url, /^open$/)
  await page.keyboard.type('\necho typed-$((20+3))\n')
  await shows(page, 'typed-23')
  await visit(url, 'AccessUsed')
}, 120_000)

/** A keyboard of the guest holds sixteen bytes that it has not read, and drops what comes then. */
const SLOWLY = { delay: 60 }

test('the screen answers in a page, which the picture shows', async () => {
  const page = await visit(await urlOf('vnc', 'vm'), /^open$/)
  await page.locator('canvas').click()
  await page.keyboard.type('clear\n', SLOWLY)
  await waitUntilTrue('cleared', async () => (await lit(page)) < 400, 30_000)
  await page.keyboard.type('for i in 1 2 3 4 5 6 7 8; do echo 88888888; done\n', SLOWLY)
  await waitUntilTrue('eight lines', async () => (await lit(page)) > 2000, 30_000)
}, 120_000)

test('a restart of the agent ends it; the next URL opens it in the same page, and the guest is where it was', async () => {
  const page = await visit(await urlOf('console', 'vm', '--web'), /^open$/)
  await page.keyboard.type('\nkept=$((40+2))\n')
  const { node = '' } = (await project.get('vm')).status ?? {}
  await project.test.cloud.exec(node, ['sh', '-c', 'kill $(cat /run/nephele-node/agent.pid)'])
  await says(page, /(AgentStopping|SessionUnknown|PeerSilent): .* Make a new ConsoleAccess/)
  await visit(await urlOf('console', 'vm', '--web'), /^open$/, page)
  await page.keyboard.type('\necho still-$kept\n')
  await shows(page, 'still-42')
}, 180_000)

async function make(name: string, ttlSeconds: number): Promise<string> {
  await project.create<ConsoleAccess>(CONSOLE_ACCESS, draft.consoleAccess(project.at(name), 'vm', { ttlSeconds }))
  const { status } = await waitForReady<ConsoleAccess>(project.test.client, CONSOLE_ACCESS, project.at(name))
  const secret = await project.test.client.get<Secret>(SECRET, project.at(status?.tokenSecretRef?.name ?? ''))
  return `${status?.url}#token=${Buffer.from(secret.data?.['token'] ?? '', 'base64').toString()}`
}

test('refused after its time, and after its machine was deleted', async () => {
  const short = await make('short', 10)
  const long = await make('long', 600)
  await new Promise((resolve) => setTimeout(resolve, 11_000))
  await visit(short, /Access(Expired|Unknown)/)
  const open = await visit(await urlOf('console', 'vm', '--web'), /^open$/)
  await project.remove(INSTANCE, 'vm')
  await says(open, /(AccessWithdrawn|ConsoleClosed): /)
  await waitUntilTrue(
    'gone',
    async () => (await project.test.client.find(INSTANCE, project.at('vm'))) === undefined,
    60_000,
  )
  await visit(long, 'AccessUnknown')
}, 180_000)
