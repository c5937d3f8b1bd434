// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { monitorOf } from '../../controllers/load-balancer/to-logical.ts'
import { probeIntervalOf } from './probe-timing.ts'

const longest = (interval: number, timeout: number, failures: number) => failures * (interval + timeout) + interval

test.each([
  // intervalSeconds, failureThreshold: what OVN is told, and when a member that hangs is out
  [5, 2, { interval: 1, timeout: 3, out: 9 }],
  [3, 2, { interval: 1, timeout: 1, out: 5 }],
  [10, 3, { interval: 5, timeout: 3, out: 29 }],
  [60, 2, { interval: 37, timeout: 3, out: 117 }],
  [2, 1, { interval: 1, timeout: 1, out: 3 }],
  // As fast as OVN can, which is not fast enough.
  [1, 2, { interval: 1, timeout: 1, out: 5 }],
])('a monitor each %i seconds, out after %i failures: %j', (intervalSeconds, failureThreshold, want) => {
  const monitor = monitorOf({ healthMonitor: { intervalSeconds, failureThreshold } })
  if (!monitor) throw new Error('none')
  const [interval, timeout] = [probeIntervalOf(monitor), monitor.timeoutSeconds]
  expect({ interval, timeout, out: longest(interval, timeout, failureThreshold) }).toEqual(want)
})

test('from three seconds on, whatever the threshold, it is out in time, and never probed less often than asked', () => {
  for (let intervalSeconds = 3; intervalSeconds <= 600; intervalSeconds++)
    for (let failureThreshold = 1; failureThreshold <= 10; failureThreshold++) {
      const monitor = monitorOf({ healthMonitor: { intervalSeconds, failureThreshold } })
      if (!monitor) throw new Error('none')
      const interval = probeIntervalOf(monitor)
      expect(interval).toBeLessThanOrEqual(intervalSeconds)
      const out = longest(interval, monitor.timeoutSeconds, failureThreshold)
      expect(out).toBeLessThanOrEqual(Math.max(2, failureThreshold) * intervalSeconds - 1)
    }
})

test('a timeout that is asked for stays, whatever follows from it', () => {
  const healthMonitor = { intervalSeconds: 5, timeoutSeconds: 5 }
  expect(monitorOf({ healthMonitor })?.timeoutSeconds).toBe(5)
  expect(probeIntervalOf(monitorOf({ healthMonitor })!)).toBe(1)
})
