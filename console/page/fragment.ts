// SPDX-License-Identifier: Apache-2.0

/**
 * What the part of a URL behind `#` says, which a browser sends to nobody: `#token=…`. Whoever makes a link may write anything there; what people
 * are to believe is not taken from it.
 */
export interface Fragment {
  token: string | undefined
}

/** Pure. */
export function parseFragment(hash: string): Fragment {
  const token = new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? ''
  return { token: token === '' ? undefined : token }
}
