// Holds manifests for Kubernetes against three things: the published schemas, what the services are (settings, doors, images), and each other. Needs no cluster and no kustomize.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { describeConfig, loadConfig } from '../kit/src/config.ts'
import { operationsApp } from '../kit/src/http.ts'
import { createLog } from '../kit/src/log.ts'
import { checkerConfig } from '../services/checker/src/config.ts'
import { indexerConfig } from '../services/indexer/src/config.ts'
import { providerConfig } from '../services/provider/src/config.ts'

const root = join(import.meta.dirname, '..')
const SCHEMAS: Record<string, Parameters<typeof describeConfig>[0]> = { checker: checkerConfig, indexer: indexerConfig, provider: providerConfig }

/** What YAML holds. Read with `?.` all the way: what is absent is a fault to be said, not to be thrown. */
// oxlint-disable-next-line typescript/no-explicit-any
type Data = any

export interface Manifest extends Record<string, unknown> { apiVersion: string, kind: string, metadata: { name: string, namespace?: string } }

/** What an overlay makes of its resources. `files`: of each ConfigMap and Secret by name, the names in it, with the path of those that are in the tree. */
export interface Overlay { manifests: Manifest[], files: Record<'ConfigMap' | 'Secret', Map<string, Map<string, string>>> }

/** All that our kustomizations use of kustomize; what else one says would be passed over here and is refused. */
const UNDERSTOOD = new Set(['apiVersion', 'kind', 'namespace', 'resources', 'components', 'images', 'configMapGenerator', 'secretGenerator'])

/** Reads what kustomize would build of a folder, save that it puts no hash into names. Throws where it finds more than it understands. */
export function readOverlay(dir: string, alsoComponents: string[] = []): Overlay {
  const { namespace, resources = [], components = [], images = [], ...rest } = parse(readFileSync(join(dir, 'kustomization.yaml'), 'utf8')) as Data
  for (const key of Object.keys(rest)) if (!UNDERSTOOD.has(key)) throw new Error(`${dir} uses ${key} of kustomize, which tools/kubernetes.ts does not know`)
  const overlay: Overlay = { manifests: [], files: { ConfigMap: new Map(), Secret: new Map() } }
  for (const path of [...resources, ...components, ...alsoComponents].map((name: string) => join(dir, name))) {
    if (!statSync(path).isDirectory()) {
      overlay.manifests.push(...parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Manifest))
      continue
    }
    const below = readOverlay(path)
    overlay.manifests.push(...below.manifests)
    for (const kind of ['ConfigMap', 'Secret'] as const) for (const [name, files] of below.files[kind]) overlay.files[kind].set(name, files)
  }
  for (const [kind, generator] of [['ConfigMap', rest.configMapGenerator], ['Secret', rest.secretGenerator]] as const) {
    for (const { name, files } of generator ?? []) overlay.files[kind].set(name, new Map(files.map((file: string) => [file, join(dir, file)])))
  }
  for (const manifest of overlay.manifests) {
    if (namespace !== undefined && manifest.kind !== 'Namespace') manifest.metadata.namespace = namespace
    for (const container of containersOf(manifest)) {
      const given = images.find(({ name }: { name: string }) => name === container.image)
      if (given) container.image = `${given.newName}:${given.newTag}`
    }
  }
  return overlay
}

/**
 * What the published schemas say against manifests, a line each. They are taken from Kubernetes' OpenAPI document as types, and the compiler looks: at what is required, what there is, and of which kind it is.
 * Of a custom resource, whose schema comes with its operator, nothing is said.
 */
export function schemaFaults(manifests: readonly Manifest[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'assay-manifests-'))
  try {
    const known = manifests.filter(({ apiVersion }) => !apiVersion.includes('.') || apiVersion.split('/')[0]!.endsWith('.k8s.io'))
    const lines = known.map((manifest, i) => {
      const { apiVersion, kind } = manifest
      const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion]
      return `import type { ${kind} as T${i} } from 'kubernetes-types/${group.split('.')[0]}/${version}'; export const m${i}: T${i} = ${JSON.stringify(manifest)}`
    })
    writeFileSync(join(dir, 'manifests.ts'), lines.join('\n'))
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions: { strict: true, noEmit: true, skipLibCheck: true, types: [], target: 'es2024', module: 'preserve', moduleResolution: 'bundler', paths: { 'kubernetes-types/*': [join(root, 'node_modules/kubernetes-types/*')] } }, files: ['manifests.ts'] }))
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir, '--pretty', 'false'], { encoding: 'utf8' })
    if (status === 0) return []
    const faults = [...stdout.matchAll(/manifests\.ts\((\d+),\d+\): error \w+: (.+)/g)].map(([, line, what]) => `${named(known[Number(line) - 1]!)}: ${what}`)
    return faults.length > 0 ? faults : [`the compiler ended with ${status}: ${stdout}${stderr}`]
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** Where the schemas only say "a string", what the API takes (https://kubernetes.io/docs/reference/kubernetes-api). */
const WORDS: Record<string, readonly string[]> = {
  accessModes: ['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany', 'ReadOnlyMany'],
  externalTrafficPolicy: ['Cluster', 'Local'],
  fsGroupChangePolicy: ['OnRootMismatch', 'Always'],
  podManagementPolicy: ['OrderedReady', 'Parallel'],
  policyTypes: ['Ingress', 'Egress'],
  protocol: ['TCP', 'UDP', 'SCTP'],
  terminationMessagePolicy: ['File', 'FallbackToLogsOnError'],
  unhealthyPodEvictionPolicy: ['IfHealthyBudget', 'AlwaysAllow'],
  whenDeleted: ['Retain', 'Delete'],
  whenScaled: ['Retain', 'Delete'],
  whenUnsatisfiable: ['DoNotSchedule', 'ScheduleAnyway'],
}
const TYPES: Record<string, readonly string[]> = { seccompProfile: ['RuntimeDefault', 'Localhost', 'Unconfined'], updateStrategy: ['RollingUpdate', 'OnDelete'], strategy: ['RollingUpdate', 'Recreate'] }
const QUANTITIES = new Set(['cpu', 'memory', 'storage', 'sizeLimit'])

function wordFaults(value: Data, where: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => wordFaults(item, `${where}.${i}`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]: [string, Data]) => [
    ...(WORDS[key] === undefined ? [] : [inner].flat().filter((word) => !WORDS[key]!.includes(word)).map((word) => `${where}.${key}: there is no ${String(word)}`)),
    ...(TYPES[key] === undefined || TYPES[key].includes(inner?.type) ? [] : [`${where}.${key}: there is no type ${String(inner?.type)}`]),
    ...(!QUANTITIES.has(key) || /^\d+(\.\d+)?(m|[KMG]i)?$/.test(String(inner)) ? [] : [`${where}.${key}: ${String(inner)} is no amount`]),
    ...wordFaults(inner, `${where}.${key}`),
  ])
}

/** What an image is by ops/container/Dockerfile: which service, as whom, with what environment, behind which ports. */
interface Image { service: string, user: string, env: Record<string, string>, ports: number[] }

function imagesOf(dockerfile: string): Map<string, Image> {
  const stages = new Map<string, string>()
  for (const [, name = '', body = ''] of dockerfile.matchAll(/^FROM \S+ AS (\S+)\n([^]*?)(?=^FROM |(?![^]))/gm)) stages.set(name, body.replaceAll('\\\n', ' '))
  const envIn = (body: string): Record<string, string> => Object.fromEntries([...body.matchAll(/^ENV (.+)$/gm)].flatMap(([, pairs = '']) => pairs.trim().split(/\s+/).map((pair) => pair.split('=') as [string, string])))
  const common = stages.get('service')!
  return new Map(Object.keys(SCHEMAS).filter((service) => stages.has(service)).map((service) => [`assay-${service}`, {
    service,
    user: /^USER (\d+):/m.exec(common)![1]!,
    env: { ...envIn(common), ...envIn(stages.get(service)!) },
    ports: /^EXPOSE (.+)$/m.exec(stages.get(service)!)![1]!.split(' ').map(Number),
  }]))
}
const images = imagesOf(readFileSync(join(root, 'ops/container/Dockerfile'), 'utf8'))

/** The doors of every service for its operator. */
const doors = await operationsApp({ log: createLog({ level: 'error' }), ready: () => ({ ready: true, detail: null }), metrics: () => Promise.resolve('') })
const isDoor = (path: string): boolean => doors.hasRoute({ method: 'GET', url: path })

const podOf = (manifest: Manifest): Data => (manifest as Data).spec?.template?.spec
const containersOf = (manifest: Manifest): Data[] => [...(podOf(manifest)?.initContainers ?? []), ...(podOf(manifest)?.containers ?? [])]
const named = ({ kind, metadata }: Manifest): string => `${kind} ${metadata?.name}`
const matches = (selector: Data, labels: Data): boolean => Object.entries(selector ?? {}).length > 0 && Object.entries(selector).every(([key, value]) => labels?.[key] === value)
const imageOf = (name: string): Image | undefined => images.get(name.replace(/^.*\//, '').replace(/:.*$/, ''))

/** What the services, and the manifests among each other, say against an overlay: a line each. */
export function overlayFaults({ manifests, files }: Overlay): string[] {
  const workloads = manifests.filter((manifest) => podOf(manifest) !== undefined)
  const faults = manifests.flatMap((manifest) => wordFaults(manifest, named(manifest)))
  const say = (manifest: Manifest, fault: string): void => void faults.push(`${named(manifest)}: ${fault}`)
  const selectedBy = (selector: Data): Manifest[] => workloads.filter(({ spec }: Data) => matches(selector, spec.template.metadata?.labels))
  const portsOf = (workload: Manifest): Data[] => podOf(workload).containers.flatMap(({ ports }: Data) => ports ?? [])
  const hasPort = (found: Manifest[], port: Data): boolean => found.length > 0 && found.every((workload) => portsOf(workload).some(({ name, containerPort }) => port === name || port === containerPort))

  for (const workload of workloads) {
    const pod = podOf(workload)
    const { spec } = workload as Data
    if (!matches(spec.selector?.matchLabels, spec.template.metadata?.labels)) say(workload, 'selects other pods than its own')
    if (!workload.kind.startsWith('Deployment') && spec.replicas !== 1) say(workload, `runs ${spec.replicas} processes on one key`)
    for (const { spec: claim } of spec.volumeClaimTemplates ?? []) if (String(claim.accessModes) !== 'ReadWriteOncePod') say(workload, `a volume of ${String(claim.accessModes)} may be written by two`)
    const { runAsNonRoot, runAsUser, runAsGroup, seccompProfile } = pod.securityContext ?? {}
    if (runAsNonRoot !== true || seccompProfile?.type !== 'RuntimeDefault' || pod.automountServiceAccountToken !== false || pod.enableServiceLinks !== false) say(workload, 'its pod lacks a wall: runAsNonRoot, seccompProfile, automountServiceAccountToken or enableServiceLinks')
    if (!(pod.terminationGracePeriodSeconds >= 60)) say(workload, 'has no time to end in good order')
    for (const container of containersOf(workload)) {
      const { name, image, args = [], command, env = [], ports = [], volumeMounts = [], securityContext, resources } = container
      const made = imageOf(image)
      if (made === undefined) {
        say(workload, `${image} is no image of ops/container/Dockerfile`)
        continue
      }
      if (String(runAsUser) !== made.user || String(runAsGroup) !== made.user) say(workload, `runs as ${runAsUser}:${runAsGroup}, and its image as ${made.user}`)
      if (securityContext?.readOnlyRootFilesystem !== true || securityContext.allowPrivilegeEscalation !== false || String(securityContext.capabilities?.drop) !== 'ALL') say(workload, `${name} lacks a wall: readOnlyRootFilesystem, allowPrivilegeEscalation or capabilities`)
      if (resources?.limits?.memory === undefined || resources.requests?.cpu === undefined || resources.requests.memory === undefined) say(workload, `${name} asks for no processor or memory`)
      for (const program of (command ?? []).filter((word: string) => word.startsWith('/app/'))) if (!existsSync(join(root, program.slice('/app'.length)))) say(workload, `there is no ${program}`)

      const volumes = new Map<string, Data>([...(pod.volumes ?? []), ...(spec.volumeClaimTemplates ?? []).map(({ metadata }: Data) => metadata)].map((volume) => [volume.name, volume]))
      const mounted = new Map<string, string>()
      for (const { name: volume, mountPath } of volumeMounts) {
        if (!volumes.has(volume)) say(workload, `${name} mounts ${volume}, which is no volume`)
        const { configMap, secret } = volumes.get(volume) ?? {}
        const source = configMap ? files.ConfigMap.get(configMap.name) : secret ? files.Secret.get(secret.secretName) : undefined
        if ((configMap ?? secret) && !source) say(workload, `${volume} is of ${configMap?.name ?? secret.secretName}, which nobody makes`)
        for (const [key, path] of source ?? []) if (!secret?.items) mounted.set(join(mountPath, key), path)
        for (const { key, path } of secret?.items ?? []) {
          if (source && !source.has(key)) say(workload, `${volume} takes ${key}, which is not in ${secret.secretName}`)
          mounted.set(join(mountPath, path), '')
        }
      }
      if (command !== undefined) continue

      if (args[0] !== made.service || args[1] !== 'start') say(workload, `${image} has no command ${args.slice(0, 2).join(' ')}`)
      const fields = describeConfig(SCHEMAS[made.service]!)
      for (const flag of args.slice(2)) if (flag !== '--log-json' && !fields.some((field) => flag === field.flag)) say(workload, `${made.service} has no flag ${flag}`)
      const given: Record<string, string> = { ...made.env }
      for (const { name: variable, value, valueFrom } of env) {
        if (variable !== 'ASSAY_CONFIG' && !fields.some((field) => field.env === variable)) say(workload, `${made.service} has no setting ${variable}`)
        const { secretKeyRef } = valueFrom ?? {}
        if (secretKeyRef && !files.Secret.get(secretKeyRef.name)?.has(secretKeyRef.key)) say(workload, `${variable} is of ${secretKeyRef.name}, which nobody makes with ${secretKeyRef.key}`)
        given[variable] = value ?? 'postgres://somewhere'
      }
      for (const { containerPort } of ports) if (!made.ports.includes(containerPort)) say(workload, `${image} does not listen on ${containerPort}`)
      if (ports.length !== made.ports.length) say(workload, `${name} names ${ports.length} of ${made.ports.length} ports`)
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
        const { path, port } = container[probe]?.httpGet ?? {}
        if (!isDoor(path ?? '')) say(workload, `${probe} asks for ${path}, which no service has`)
        if (!hasPort([workload], port) || port !== 'http') say(workload, `${probe} asks at ${port}, where nobody answers it`)
      }
      if (given['ASSAY_PASSWORD_FILE']?.startsWith('/run/secrets/assay/') && !mounted.has(given['ASSAY_PASSWORD_FILE'])) say(workload, `nothing is mounted at ${given['ASSAY_PASSWORD_FILE']}`)
      const settings = mounted.get(given['ASSAY_CONFIG'] ?? '')
      if (settings === undefined) say(workload, `its settings are not mounted at ${given['ASSAY_CONFIG']}`)
      else faults.push(...settingsFaults(made.service, settings, given).map((fault) => `${named(workload)}: ${fault}`))
    }
  }
  for (const manifest of manifests) {
    const { spec } = manifest as Data
    const pods = selectedBy(manifest.kind === 'NetworkPolicy' ? spec.podSelector?.matchLabels : manifest.kind === 'Service' ? spec.selector : spec?.selector?.matchLabels)
    if (['Service', 'NetworkPolicy', 'PodDisruptionBudget', 'PodMonitor'].includes(manifest.kind) && pods.length === 0) say(manifest, 'selects no pods')
    if (manifest.kind === 'Service') {
      for (const { name, port, targetPort } of spec.ports) {
        if (!hasPort(pods, targetPort)) say(manifest, `leads ${name} to ${targetPort}, where nobody listens`)
        // Who announces where it is reached, announces the port that it listens on.
        if (pods.some((pod) => portsOf(pod).some((one) => one.name === 'channel')) && !hasPort(pods, port)) say(manifest, `has ${name} at ${port}, where nobody was told of`)
      }
    }
    if (manifest.kind === 'NetworkPolicy') {
      if (['Ingress', 'Egress'].some((way) => !(spec.policyTypes ?? []).includes(way))) say(manifest, 'denies only one way')
      for (const { port } of (spec.ingress ?? []).flatMap(({ ports }: Data) => ports ?? [{}])) if (!hasPort(pods, port)) say(manifest, `lets in to ${port}, where nobody listens`)
      for (const { to, ports } of spec.egress ?? []) if (to === undefined && ports === undefined) say(manifest, 'lets out to everywhere')
    }
    if (manifest.kind === 'PodDisruptionBudget' && pods.some((pod) => !((pod as Data).spec.replicas > spec.minAvailable))) say(manifest, 'lets nobody mend a node')
    if (manifest.kind === 'PodMonitor') for (const { port, path } of spec.podMetricsEndpoints) if (!hasPort(pods, port) || !isDoor(path)) say(manifest, `asks for ${path} at ${port}, which nobody has`)
  }
  for (const workload of workloads) if (!manifests.some(({ kind, spec }: Data) => kind === 'NetworkPolicy' && matches(spec.podSelector?.matchLabels, (workload as Data).spec.template.metadata?.labels))) say(workload, 'has no network policy')
  return faults
}

/** What the service itself says against a file of its settings, in this environment; and what stands there in vain, for the environment goes before the file. */
function settingsFaults(service: string, file: string, env: Record<string, string>): string[] {
  const schema = SCHEMAS[service]!
  try {
    loadConfig(schema, { file, env })
  } catch (error) {
    return [(error as Error).message]
  }
  const written = Object.keys((parse(readFileSync(file, 'utf8')) as Data) ?? {})
  return describeConfig(schema).filter(({ name, env: variable }) => written.includes(name) && variable in env).map(({ name, env: variable }) => `${name} in ${file} counts for nothing: ${variable} is set`)
}

/** The overlays that an operator begins with. */
export const EXAMPLES = join(root, 'ops/kubernetes/examples')
export const examples = (): string[] => readdirSync(EXAMPLES)
