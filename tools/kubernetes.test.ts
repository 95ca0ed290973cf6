// The manifests of ops/kubernetes are what Kubernetes takes and what the services need; and what would not be is found.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { EXAMPLES, examples, type Manifest, overlayFaults, readOverlay, schemaFaults } from './kubernetes.ts'

const MONITORING = '../../monitoring'
const read = (name: string) => readOverlay(join(EXAMPLES, name), [MONITORING])

const dirs: string[] = []
afterAll(() => dirs.forEach((dir) => rmSync(dir, { recursive: true })))

describe('the manifests', () => {
  it('are what the published schemas of Kubernetes ask for', () => {
    expect(examples()).toEqual(['checker', 'indexer', 'provider'])
    const manifests = examples().flatMap((name) => read(name).manifests)
    expect(manifests.map(({ kind }) => kind).sort()).toEqual(['Deployment', 'Deployment', 'Namespace', 'Namespace', 'Namespace', 'NetworkPolicy', 'NetworkPolicy', 'NetworkPolicy', 'PodDisruptionBudget', 'PodDisruptionBudget', 'PodMonitor', 'PodMonitor', 'PodMonitor', 'Service', 'Service', 'StatefulSet', 'StatefulSet'])
    expect(schemaFaults(manifests)).toEqual([])
  })

  it.each(examples())('of the %s fit its image, its settings, its doors and each other', (name) => {
    expect(overlayFaults(read(name))).toEqual([])
  })

  it('give what is watched the job that the alert rules ask for', () => {
    const rules = readFileSync(join(EXAMPLES, '../../prometheus/alerts.yml'), 'utf8')
    const jobs = /up\{job=~"([^"]+)"\}/.exec(rules)![1]!.split('|').sort()
    const [monitor] = read('checker').manifests.filter(({ kind }) => kind === 'PodMonitor') as unknown as { spec: { jobLabel: string } }[]
    expect(monitor!.spec.jobLabel).toBe('app.kubernetes.io/name')
    const labels = examples().flatMap((name) => read(name).manifests.flatMap(({ spec }) => (spec as { template?: { metadata: { labels: Record<string, string> } } })?.template?.metadata.labels[monitor!.spec.jobLabel] ?? []))
    expect([...new Set(labels)].sort()).toEqual(jobs)
  })
})

/** What is found in an overlay after something was changed in the text of one of its files. */
function afterwards(name: string, file: string, from: string | RegExp, to: string): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'assay-k8s-'))
  dirs.push(dir)
  cpSync(join(EXAMPLES, '..'), dir, { recursive: true })
  const path = join(dir, file)
  const text = readFileSync(path, 'utf8')
  const changed = text.replace(from, to)
  expect(changed).not.toBe(text)
  writeFileSync(path, changed)
  return overlayFaults(readOverlay(join(dir, 'examples', name), [MONITORING]))
}

describe('what is wrong is found:', () => {
  it('what the schemas do not know, in one breath', () => {
    const [first] = read('checker').manifests.filter(({ kind }) => kind === 'StatefulSet')
    const [policy] = read('checker').manifests.filter(({ kind }) => kind === 'NetworkPolicy')
    const [budget] = read('indexer').manifests.filter(({ kind }) => kind === 'PodDisruptionBudget')
    const wrong = (manifest: Manifest, from: string, to: string): Manifest => {
      const text = JSON.stringify(manifest)
      expect(text).toContain(from)
      return JSON.parse(text.replace(from, to)) as Manifest
    }
    const faults = schemaFaults([
      wrong(first!, '"readOnlyRootFilesystem":true', '"readOnlyRootFileSystem":true'),
      wrong(first!, '"replicas":1', '"replicas":"1"'),
      wrong(first!, '"serviceName":"checker",', ''),
      wrong(first!, '"apps/v1"', '"apps/v2"'),
      wrong(policy!, '"endPort"', '"toPort"'),
      wrong(budget!, '"PodDisruptionBudget"', '"PodDisruptionBudgets"'),
      budget!,
    ])
    expect(faults).toHaveLength(6)
    for (const [i, what] of [/readOnlyRootFileSystem.* does not exist/, /'string' is not assignable to type 'number'/, /'serviceName' is missing/, /Cannot find module 'kubernetes-types\/apps\/v2'/, /toPort.* does not exist/, /no exported member .*PodDisruptionBudgets/].entries()) expect(faults[i]).toMatch(what)
  })

  it.each<[string, string, string | RegExp, string, string]>([
    ['a probe of a path that no service has', 'checker/statefulset.yaml', 'path: /ready', 'path: /readyz', 'readinessProbe asks for /readyz, which no service has'],
    ['a probe at a port that has no name here', 'indexer/api.yaml', 'path: /health, port: http', 'path: /health, port: api', 'asks at api, where nobody answers it'],
    ['a port that the image does not open', 'checker/statefulset.yaml', 'containerPort: 4611', 'containerPort: 4612', 'does not listen on 4612'],
    ['a service to a port that is none', 'checker/service.yaml', 'targetPort: channel', 'targetPort: wire', 'leads channel to wire, where nobody listens'],
    ['a service at another port than is announced', 'checker/service.yaml', 'port: 4610', 'port: 443', 'has channel at 443, where nobody was told of'],
    ['a service of other pods', 'indexer/service.yaml', 'component: api', 'component: web', 'Service indexer: selects no pods'],
    ['an image that nobody makes', 'examples/checker/kustomization.yaml', 'newName: registry.example/assay-checker', 'newName: registry.example/checker', 'is no image of ops/container/Dockerfile'],
    ['the image of another service', 'indexer/follower.yaml', 'image: assay-indexer', 'image: assay-checker', 'has no command indexer start'],
    ['a program that no image has', 'checker/statefulset.yaml', 'keys.cjs', 'keystore.cjs', 'there is no /app/ops/container/keystore.cjs'],
    ['a setting that nobody knows', 'examples/checker/settings.yaml', 'publicHost', 'publicName', 'publicName (in '],
    ['a setting that is wrong', 'examples/indexer/settings.yaml', 'chain: wss', 'chain: https', 'the configuration is wrong: chain ='],
    ['a setting that is lacking', 'examples/provider/settings.yaml', /^network: .*\n/m, '', 'network is missing'],
    ['a setting that the environment outdoes', 'examples/checker/settings.yaml', 'publicHost', 'httpPort: 4611\npublicHost', 'httpPort in '],
    ['a variable that is no setting', 'indexer/api.yaml', 'ASSAY_FOLLOW', 'ASSAY_FOLLOWS', 'indexer has no setting ASSAY_FOLLOWS'],
    ['a flag that is none', 'provider/statefulset.yaml', '--log-json', '--json', 'provider has no flag --json'],
    ['settings that are mounted elsewhere', 'checker/statefulset.yaml', 'mountPath: /etc/assay', 'mountPath: /etc/checker', 'its settings are not mounted at /etc/assay/settings.yaml'],
    ['a password that is mounted elsewhere', 'checker/statefulset.yaml', 'mountPath: /run/secrets/assay', 'mountPath: /run/secrets/checker', 'nothing is mounted at /run/secrets/assay/password'],
    ['a secret that nobody makes', 'examples/indexer/kustomization.yaml', 'name: indexer-database', 'name: database', 'is of indexer-database, which nobody makes'],
    ['a file that is not in the secret', 'provider/statefulset.yaml', 'key: owner.consent', 'key: consent', 'takes consent, which is not in provider-keys'],
    ['a volume that is none', 'checker/statefulset.yaml', '{ name: tmp, mountPath', '{ name: temp, mountPath', 'mounts temp, which is no volume'],
    ['two processes on one key', 'checker/statefulset.yaml', 'replicas: 1', 'replicas: 2', 'runs 2 processes on one key'],
    ['a volume for many', 'checker/statefulset.yaml', 'ReadWriteOncePod', 'ReadWriteMany', 'a volume of ReadWriteMany may be written by two'],
    ['another user than the image has', 'checker/statefulset.yaml', 'runAsUser: 65532', 'runAsUser: 1000', 'runs as 1000:65532, and its image as 65532'],
    ['a root that can be written', 'indexer/api.yaml', 'readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false', 'lacks a wall'],
    ['a token that nobody needs', 'provider/statefulset.yaml', 'automountServiceAccountToken: false', 'automountServiceAccountToken: true', 'its pod lacks a wall'],
    ['no bound of memory', 'indexer/follower.yaml', 'limits: { memory: 2Gi }', 'limits: {}', 'asks for no processor or memory'],
    ['an amount that is none', 'indexer/follower.yaml', 'memory: 2Gi', 'memory: 2GB', '2GB is no amount'],
    ['too little time to end', 'checker/statefulset.yaml', 'terminationGracePeriodSeconds: 60', 'terminationGracePeriodSeconds: 5', 'has no time to end in good order'],
    ['a word that the API does not have', 'checker/service.yaml', 'externalTrafficPolicy: Local', 'externalTrafficPolicy: Node', 'there is no Node'],
    ['a type that the API does not have', 'checker/statefulset.yaml', 'type: RollingUpdate', 'type: Recreate', 'there is no type Recreate'],
    ['a policy for one way', 'checker/networkpolicy.yaml', '[Ingress, Egress]', '[Ingress]', 'denies only one way'],
    ['a policy that lets in to no port', 'provider/networkpolicy.yaml', 'ports: [{ port: http }]', 'ports: [{ port: channel }]', 'lets in to channel, where nobody listens'],
    ['a policy that lets out to everywhere', 'indexer/networkpolicy.yaml', '- ports: [{ port: 5432, protocol: TCP }]', '- {}', 'lets out to everywhere'],
    ['pods without a policy', 'indexer/kustomization.yaml', ' networkpolicy.yaml,', '', 'has no network policy'],
    ['a budget that holds every node', 'indexer/poddisruptionbudget.yaml', 'minAvailable: 1', 'minAvailable: 2', 'lets nobody mend a node'],
    ['a selector of other pods', 'indexer/api.yaml', 'matchLabels: { app.kubernetes.io/name: indexer', 'matchLabels: { app.kubernetes.io/name: api', 'selects other pods than its own'],
    ['figures at a port that is none', 'monitoring/podmonitor.yaml', 'port: http', 'port: metrics', 'asks for /metrics at metrics, which nobody has'],
  ])('%s', (_what, file, from, to, fault) => {
    const name = file.startsWith('examples/') ? file.split('/')[1]! : file.startsWith('monitoring') ? 'checker' : file.split('/')[0]!
    expect(afterwards(name, file, from, to).join('\n')).toContain(fault)
  })

  it('more of kustomize than is read here', () => {
    expect(() => afterwards('checker', 'checker/kustomization.yaml', 'resources:', 'namePrefix: one-\nresources:')).toThrow('uses namePrefix of kustomize')
  })
})

/** kubectl has a kustomize that knows components since 1.21; from 1.24 on it says which. */
const kustomize = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' }).stdout?.includes('kustomizeVersion') ?? false

it.skipIf(!kustomize).each(examples())('kustomize builds of the %s what was read here', (name) => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-k8s-'))
  dirs.push(dir)
  cpSync(join(EXAMPLES, '..'), dir, { recursive: true })
  const at = join(dir, 'examples', name)
  const kustomization = join(at, 'kustomization.yaml')
  writeFileSync(kustomization, readFileSync(kustomization, 'utf8').replace('# components:', 'components:'))
  for (const files of read(name).files.Secret.values()) for (const file of files.keys()) writeFileSync(join(at, file), 'secret')
  const { stdout, stderr } = spawnSync('kubectl', ['kustomize', at], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const sorted = (manifests: Manifest[]): Manifest[] => manifests.toSorted((a, b) => (`${a.kind} ${a.metadata.name}` < `${b.kind} ${b.metadata.name}` ? -1 : 1))
  // What is generated has a hash of it in its name, wherever it is named.
  const all = parseAllDocuments(stdout.replaceAll(/((?:settings|keys|database))-[a-z0-9]{10}$/gm, '$1')).map((document) => document.toJS() as Manifest)
  const isMade = ({ kind }: Manifest): boolean => kind === 'ConfigMap' || kind === 'Secret'
  const { manifests, files } = read(name)
  expect(all.filter(isMade).map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([...files.ConfigMap.keys()].map((one) => `ConfigMap ${one}`).concat([...files.Secret.keys()].map((one) => `Secret ${one}`)))
  expect(sorted(all.filter((manifest) => !isMade(manifest)))).toEqual(sorted(manifests))
})
