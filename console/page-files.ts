// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What scripts/build.ts makes of console/page/. */
export const PAGE_FILES = {
  'page.html': 'text/html; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
} as const
export type PageFile = keyof typeof PAGE_FILES
/** By which the page's own files are loaded. */
const PREFIX = '/page/'

export type Page = Readonly<Record<PageFile, Buffer>>

/** @throws when a file is missing: the process was not built whole */
export function readPage(dir: string): Page {
  const entries = Object.keys(PAGE_FILES).map((name) => [name, readFileSync(join(dir, name))])
  return Object.fromEntries(entries) as Page
}

/** The file of the page that this path is of; the document itself has the paths of consoles. Pure. */
export function findPageFile(path: string): Exclude<PageFile, 'page.html'> | undefined {
  const name = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : ''
  return name === 'console.js' || name === 'console.css' ? name : undefined
}

const STRICT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** On every answer. */
export const HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'content-security-policy': STRICT,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000',
  'cache-control': 'no-store',
} as const

/**
 * The document, and what it may load: its own script and style, the WebSocket of its own host, and pictures that it draws itself. Styles that xterm
 * makes have the nonce of this answer. @param host as the URL of the consoles has it
 */
export function renderDocument(page: Page, host: string): { body: string; policy: string } {
  const nonce = randomBytes(16).toString('base64url')
  const sources = [
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    'img-src data:',
    `connect-src wss://${host}`,
    "require-trusted-types-for 'script'",
  ]
  return {
    body: page['page.html'].toString('utf8').replace('@nonce@', nonce),
    policy: [STRICT, ...sources].join('; '),
  }
}
