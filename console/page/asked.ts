// SPDX-License-Identifier: Apache-2.0
import { parseFragment } from './fragment.ts'

/** What stands in the page's field: a token of the page's own ConsoleAccess, the URL of another one, or why it is neither. */
type Asked = { token: string } | { link: string } | { wrong: string }

/** @param only whether a token may be meant: one that was used opens nothing, and another is of another URL. Pure. */
export function parseAsked(text: string, origin: string, only: 'link' | 'token or link'): Asked {
  if (!/^https?:/i.test(text))
    return only === 'link'
      ? { wrong: 'this is no URL: a new ConsoleAccess has a URL of its own, which goes here with #token=… behind it' }
      : { token: text }
  const url = toURL(text)
  if (url?.origin !== origin) return { wrong: `this URL is not of ${origin}: it belongs into the address bar` }
  if (!/^\/(serial|vnc|log)\//.test(url.pathname)) return { wrong: 'this is no URL of a console' }
  if (parseFragment(url.hash).token === undefined) return { wrong: 'this URL has no #token=… behind it' }
  return { link: url.href }
}

/** URL.parse is younger than the browsers that the page is for. */
function toURL(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
