// SPDX-License-Identifier: Apache-2.0
// Rules of a listener in the words of HAProxy's manual, 4.2 and 7. The contract lets no text pass that could end a word or begin an expression.
import type { BalancerRule } from '../../lib/contract/documents.ts'

/** Where requests come in: what a redirect keeps of it. */
interface Entrance {
  scheme: 'http' | 'https'
  port: number
}

/**
 * Lines of a frontend. The first rule that matches sets a variable, and the actions go by that alone: HAProxy tries all redirects and refusals before all
 * choices of backends, in whatever order they are written. `global` needs `expose-experimental-directives`. Pure.
 */
export function renderRules(rules: readonly BalancerRule[], entrance: Entrance): string[] {
  if (rules.length === 0) return []
  const actions = rules.map((rule, i) => actionOf(rule, i, entrance))
  // Backends last, as HAProxy goes through them: it warns otherwise.
  const isChoice = (lines: readonly string[]) => lines.some((line) => line.startsWith('use_backend '))
  return [
    ...[...NORMAL, ...rules.flatMap(matchOf)],
    ...actions.filter((lines) => !isChoice(lines)).flat(),
    ...actions.filter(isChoice).flat(),
  ]
}

/** Nothing has a meaning inside of single quotes, and no text that the contract takes has one. HAProxy's manual, 2.2. */
export function quoted(text: string): string {
  return `'${text}'`
}

/** A hostname or an address (RFC 9110, 7.2), whole: no list, no second port, nothing that ends the authority of a URI. */
const HOST = '^([0-9A-Za-z_-]+([.][0-9A-Za-z_-]+)*[.]?|[[][0-9A-Fa-f:.]+[]])(:[0-9]*)?$'

/** A percent sign that begins no sequence: what is decoded next to it could be one, as in `/%%36%31`. */
const NO_SEQUENCE = '%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)'

/**
 * Rules judge what a member would see: `/a/../b` and `/%62` are `/b`. `strict` of normalize-uri would refuse by the query as well, where a lone percent
 * sign is usual and nothing is judged. Of the Host header neither the port counts nor the dot of a whole name; an IPv6 address keeps its brackets.
 * `fhdr` is the whole header, where `hdr` would be what stands after its last comma.
 */
const NORMAL = [
  `http-request return status 400 if { req.fhdr(host) -m found } !{ req.fhdr(host) -m reg -- ${quoted(HOST)} }`,
  'http-request return status 400 if { req.fhdr_cnt(host) gt 1 }',
  // HTTP/1.0 needs no Host, and would have a name that no rule looks at in `GET http://name/`. Elsewhere HAProxy sees to it that both are the same.
  'http-request return status 400 if !{ req.fhdr(host) -m found } !{ url -m beg / }',
  `http-request return status 400 if { path -m reg -- ${quoted(NO_SEQUENCE)} }`,
  'http-request normalize-uri percent-decode-unreserved',
  'http-request normalize-uri path-strip-dot',
  'http-request normalize-uri path-strip-dotdot full',
  'http-request normalize-uri path-merge-slashes',
  `http-request set-var(txn.host) ${quoted('req.fhdr(host),regsub(:[0-9]*$,),regsub([.]$,),lower')}`,
]

function matchOf({ hostnames, paths }: BalancerRule, i: number): string[] {
  const hosts = hostnames.map((host) =>
    host.startsWith('*.')
      ? `acl host${i} var(txn.host) -m end -- ${host.slice(1)}`
      : `acl host${i} var(txn.host) -m str -- ${host}`,
  )
  const where = paths.flatMap(({ type, value }) => {
    const exact = `acl path${i} path -m str -- ${quoted(value)}`
    if (type === 'Exact') return [exact]
    // As in HTTPRoute, `/api/` is `/api`.
    const whole = value.replace(/\/+$/, '')
    if (whole === '') return [`acl path${i} path -m beg -- '/'`]
    return [`acl path${i} path -m str -- ${quoted(whole)}`, `acl path${i} path -m beg -- ${quoted(`${whole}/`)}`]
  })
  const terms = [...(hosts.length > 0 ? [`host${i}`] : []), ...(where.length > 0 ? [`path${i}`] : [])]
  const first = ['!{ var(txn.rule) -m found }', ...terms].join(' ')
  return [...hosts, ...where, `http-request set-var(txn.rule) int(${i}) if ${first}`]
}

function actionOf({ action }: BalancerRule, i: number, entrance: Entrance): string[] {
  const isIt = `{ var(txn.rule) -m int ${i} }`
  switch (action.type) {
    case 'pool':
      return [`use_backend ${action.pool} if ${isIt}`]
    case 'reject':
      return [`http-request return status ${action.statusCode} if ${isIt}`]
    case 'redirect': {
      const to = `${authorityOf(action, entrance)}${action.path ?? '%[path]'}`
      const redirect = (location: string, when: string) =>
        `http-request redirect location ${quoted(location)} code ${action.statusCode} if ${isIt}${when}`
      // HTTP/1.0 needs no Host, and then there is nowhere to go.
      const nowhere = `http-request return status 400 if ${isIt} !{ req.fhdr(host) -m found }`
      return [
        ...(action.hostname === undefined ? [nowhere] : []),
        ...[redirect(`${to}?%[query]`, ' { query -m found }'), redirect(to, '')],
      ]
    }
  }
}

type Redirect = Extract<BalancerRule['action'], { type: 'redirect' }>

/** With the port only where the scheme has another one. */
function authorityOf(action: Redirect, entrance: Entrance): string {
  const scheme = action.scheme ?? entrance.scheme
  const port = action.port ?? (action.scheme === undefined ? entrance.port : undefined)
  const isUsual = port === undefined || port === (scheme === 'https' ? 443 : 80)
  return `${scheme}://${action.hostname ?? '%[var(txn.host)]'}${isUsual ? '' : `:${port}`}`
}
