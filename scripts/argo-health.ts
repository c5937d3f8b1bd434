// SPDX-License-Identifier: Apache-2.0
// Argo CD's settings for the health of our kinds: one script, which examples/gitops/argocd also has in the form that Argo CD's repository takes.
const FOLDER = 'examples/gitops/argocd'
export const HEALTH_SCRIPT = `${FOLDER}/resource_customizations/nephele.dev/_/health.lua`
export const ARGO_SETTINGS = `${FOLDER}/argocd-cm.yaml`

/**
 * A ConfigMap that only has what is ours, to be merged into the installation's own. A key for each kind, since keys have no wildcards and the
 * one setting that has them would replace what others wrote there. Pure.
 * @param kinds with the group, as `nephele.dev_Instance`
 */
export function renderArgoSettings(script: string, kinds: readonly string[]): string {
  const lines = script.trimEnd().split('\n')
  const body = lines.map((line) => (line === '' ? '' : `    ${line}`)).join('\n')
  const keys = kinds.map((kind, at) => {
    const key = `  resource.customizations.health.${kind}:`
    return at === 0 ? `${key} &health |\n${body}\n` : `${key} *health\n`
  })
  return [
    '# SPDX-License-Identifier: Apache-2.0\n',
    `# Made from crds/ and health.lua by \`npm run generate\`. Do not edit.\n`,
    '# kubectl patch configmap argocd-cm -n argocd --patch-file argocd-cm.yaml\n',
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\ndata:\n',
    ...keys,
  ].join('')
}
