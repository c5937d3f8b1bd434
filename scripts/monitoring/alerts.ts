// SPDX-License-Identifier: Apache-2.0
// What the chart's alerts and dashboard ask of Prometheus.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const FOLDER = join(import.meta.dirname, '..', '..', 'charts/nephele/files/monitoring')
export const ALERTS_FILE = join(FOLDER, 'alerts.yaml')
const DASHBOARD_FILE = join(FOLDER, 'dashboard.json')

export interface Alert {
  alert: string
  expr: string
  for?: string
  labels: { severity: string }
  annotations: { summary: string; description: string; runbook: string }
}

export function readAlerts(): Alert[] {
  const { groups } = parse(readFileSync(ALERTS_FILE, 'utf8')) as { groups: { rules: Alert[] }[] }
  return groups.flatMap(({ rules }) => rules)
}

export interface Panel {
  id: number
  title: string
  type: string
  targets?: { expr: string; legendFormat?: string }[]
}

export interface Dashboard {
  title: string
  uid: string
  panels: Panel[]
  templating: { list: { name: string; type: string; query?: string }[] }
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8')) as Dashboard
}
