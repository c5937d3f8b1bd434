// SPDX-License-Identifier: Apache-2.0
// What leaves the cloud in a bundle has nothing in it that gives anybody access. Secrets are never read; what remains is what people wrote elsewhere.

const LEFT_OUT = '(left out)'
/** kubectl's copy of all that was applied, and so also of what is left out. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** Whose values are what a guest is told, or anything that somebody wrote: passwords of first boots, tokens of agents. */
const FREE_TEXT = new Set(['userData', 'adminPassword', 'password', 'token', 'preSharedKey', 'privateKey'])
/** Of an environment: a value by a name such as these. One that ends so names a file, which is said. */
const SECRET_NAME = /PASS|SECRET|TOKEN|CREDENTIAL|KEY/i
const FILE_NAME = /(FILE|DIR|PATH)$/i

/** Pure: a copy of an object for a bundle. */
export function withoutSecrets<T>(object: T): T {
  return redact(object) as T
}

function redact(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return FREE_TEXT.has(key) ? LEFT_OUT : withoutLogin(value)
  if (Array.isArray(value)) return value.map((one) => redact(key === 'env' ? withoutValue(one) : one))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => (name === LAST_APPLIED ? [] : [[name, redact(inner, name)]])),
  )
}

function withoutValue(variable: unknown): unknown {
  if (typeof variable !== 'object' || variable === null || !('value' in variable)) return variable
  const name = 'name' in variable ? String(variable.name) : ''
  return SECRET_NAME.test(name) && !FILE_NAME.test(name) ? { ...variable, value: LEFT_OUT } : variable
}

/** Lengths are bounded, so that no text of strangers takes long. */
const LOGIN = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^/?#\s@"']{1,500}@/gi
const QUERY = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s?#"']{0,500})\?[^\s#"']+/gi

/** Of URLs anywhere in a text: what stands before the host's name, and the query, which signs the URLs of object stores. */
export function withoutLogin(text: string): string {
  return text.replace(QUERY, `$1?${LEFT_OUT}`).replace(LOGIN, `$1${LEFT_OUT}@`)
}
