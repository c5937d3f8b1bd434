// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { parseConsolePath } from './console-path.ts'
import { findPageFile, HEADERS, PAGE_FILES, renderDocument, type Page } from './page-files.ts'

/** What is not read waits in this process: half a MiB each, or less. */
const MOST_ANSWERS = 64
const ANSWER_MS = 30_000
/** Of one connection: browsers ask for the next file when they have the one before. */
const MOST_OF_SOCKET = 2

/** Answers who reads the page, which anybody may: so many at a time, and none for longer than it takes. */
export class PageAnswers {
  readonly #page: Page
  readonly #zipped: Partial<Record<keyof Page, Buffer>>
  readonly #host: string
  readonly #limits: { most: number; ms: number }
  #open = 0
  readonly #ofSocket = new WeakMap<Socket, number>()

  /** @param host as the URL of the consoles has it */
  constructor(page: Page, host: string, limits = { most: MOST_ANSWERS, ms: ANSWER_MS }) {
    this.#page = page
    this.#zipped = { 'console.js': gzipSync(page['console.js']), 'console.css': gzipSync(page['console.css']) }
    this.#host = host
    this.#limits = limits
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const { most, ms } = this.#limits
    const { socket } = request
    const ofSocket = this.#ofSocket.get(socket) ?? 0
    if (ofSocket >= MOST_OF_SOCKET) {
      socket.destroy()
      return
    }
    if (this.#open >= most) {
      response.writeHead(503, { ...HEADERS, 'retry-after': '5', connection: 'close' }).end('too many read this page\n')
      return
    }
    this.#open++
    this.#ofSocket.set(socket, ofSocket + 1)
    // Once: whichever of the two closes first takes the other's listener away.
    const end = () => {
      clearTimeout(late)
      response.off('close', end)
      socket.off('close', end)
      this.#open--
      this.#ofSocket.set(socket, (this.#ofSocket.get(socket) ?? 1) - 1)
    }
    const late = setTimeout(() => socket.destroy(), ms)
    // When all of it has left the process, or the client has: an answer that waits behind others may not hear of that.
    response.once('close', end)
    socket.once('close', end)
    this.#say(request, response)
  }

  /** The page has the paths of consoles, of all that may be: which there are, the node says to who has the token. */
  #say({ method, url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const file = findPageFile(url)
    if (method !== 'GET' && method !== 'HEAD')
      response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end('a page is read\n')
    else if (file) {
      const zipped = takesGzip(headers['accept-encoding']) ? this.#zipped[file] : undefined
      const encoding = zipped ? { 'content-encoding': 'gzip' } : {}
      response
        .writeHead(200, { ...HEADERS, 'content-type': PAGE_FILES[file], vary: 'accept-encoding', ...encoding })
        .end(zipped ?? this.#page[file])
    } else if (parseConsolePath(url)) {
      const { body, policy } = renderDocument(this.#page, this.#host)
      const headers = { ...HEADERS, 'content-type': PAGE_FILES['page.html'], 'content-security-policy': policy }
      response.writeHead(200, headers).end(body)
    } else response.writeHead(404, HEADERS).end('consoles are opened by: kubectl nephele console NAME\n')
  }
}

/** By its weight, too: RFC 9110, 12.5.3. */
function takesGzip(accepted: string | string[] | undefined): boolean {
  const codings = String(accepted ?? '').split(',')
  return codings.some((one) => /^gzip(;q=(1(\.0*)?|0\.\d*[1-9]\d*))?$/i.test(one.replaceAll(/\s/g, '')))
}
