// `assay init`: what a beginning needs. A service's file is written from its one schema, so it has every setting and no other.
import { open } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { type TObject, Type } from 'typebox'
import { checkerConfig } from '@assay/checker/config'
import { indexerConfig } from '@assay/indexer/config'
import { describeConfig, loadConfig } from '@assay/kit/config'
import { settingsText } from '@assay/kit/config-file'
import { makeFolder } from '@assay/kit/disk'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { providerConfig } from '@assay/provider/config'
import { passwordOption } from '../password.ts'

/** What is begun with a file of settings, and the command that takes it. */
export const SERVICES: Readonly<Record<string, { schema: TObject; start: string }>> = {
  machine: { schema: providerConfig, start: 'assay machine start' },
  checker: { schema: checkerConfig, start: 'assay checker start' },
  indexer: { schema: indexerConfig, start: 'assay indexer start' },
}

export function register(program: Command): void {
  const init = program.command('init').description('write a commented file of settings, or what else a beginning needs')
  passwordOption(init.command('owner').description('make the account that owns machines and receives their pay: assay keys create --owner').requiredOption('--data-dir <folder>', 'the owner\'s folder'))
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay init owner --data-dir ~/owner')
    .action(async (options: { dataDir: string; passwordFile?: string; json?: boolean }) => {
      await runMain(async (signal) => {
        const { makeOwner } = await import('./keys.ts')
        const file = await makeOwner(options, signal)
        if (!options.json) process.stdout.write(`Next: assay init machine --owner-file ${quoted(resolve(file))} --chain … --network … --data-dir …\n`)
      })
    })

  for (const [name, { schema, start }] of Object.entries(SERVICES)) {
    const command = init.command(name).description(`write ${name === 'indexer' ? 'an' : 'a'} ${name}'s settings, all of them, with what they are for; those that are flags here are filled in`)
    for (const field of describeConfig(schema)) if (!field.secret) command.option(`${field.flag} <value>`, field.description)
    command
      .option('--output <file>', 'where to write; default: assay.yaml in --data-dir, else here; never over another file')
      .option('--json', 'one JSON object on standard output')
      .addHelpText('after', `\nExample:\n  assay init ${name} --chain wss://… --network 5F… --data-dir ~/${name}\n  ${start} --config ~/${name}/assay.yaml`)
      .action(async ({ output, json, ...flags }: Record<string, string | true>) => {
        await runMain(async () => {
          const given = checked(schema, flags)
          const path = resolve((output as string | undefined) ?? join((given['dataDir'] as string | undefined) ?? '.', 'assay.yaml'))
          const next = `${start} --config ${quoted(path)}`
          await writeOnce(path, settingsText(describeConfig(schema), { values: given, title: `Settings of ${name === 'indexer' ? 'an' : 'a'} ${name}. A flag, then a variable of the environment (in brackets) comes before what stands here. Remove a # to set a value. ${start} --help says the same.` }), 0o600)
          const missing = describeConfig(schema).filter((field) => field.required && given[field.name] === undefined).map((field) => field.name)
          process.stdout.write(json ? `${JSON.stringify({ event: 'settings written', file: path, missing, next })}\n` : `wrote ${path}\n${missing.length === 0 ? '' : `Fill in: ${missing.join(', ')}\n`}Next: ${next}\n`)
        })
      })
  }

  init
    .command('network')
    .description('write the parameters of a network whose first round starts soon, which all its founders take: those of a development network, and what is set')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .option('--lead <blocks>', 'blocks until the first round', '20')
    .option('--set <name=value...>', 'another value, as assay network show names it; amounts in planck')
    .option('--output <file>', 'where to write; never over another file', 'network.hex')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay init network --chain wss://… --lead 200')
    .action(async (options: { chain: string; lead: string; set?: string[]; output: string; json?: boolean }) => {
      await runMain(async () => {
        const { parametersSoon } = await import('./network.ts')
        const path = resolve(options.output)
        await writeOnce(path, `${await parametersSoon(options)}\n`, 0o644)
        const next = `assay network create --parameters ${quoted(path)} --chain ${options.chain} --data-dir … --members 5A…,5B…,5C…`
        process.stdout.write(options.json ? `${JSON.stringify({ event: 'parameters written', file: path, next })}\n` : `wrote ${path}\nNext, each founder with this file: ${next}\n`)
      })
    })
}

/** The flags as the service will read them; what it would refuse is refused now. Paths become whole, for the file is read from another folder. */
function checked(schema: TObject, flags: Record<string, unknown>): Record<string, unknown> {
  const given = Object.entries(schema.properties).filter(([name]) => flags[name] !== undefined)
  const values = loadConfig(Type.Object(Object.fromEntries(given)), { flags }) as Record<string, unknown>
  for (const { name, path } of describeConfig(schema)) if (path && values[name] !== undefined) values[name] = resolve(values[name] as string)
  return values
}

async function writeOnce(path: string, text: string, mode: number): Promise<void> {
  let made = false
  try {
    await makeFolder(dirname(path), { mode: 0o700 })
    made = true
    const file = await open(path, 'wx', mode)
    await file.writeFile(text).finally(() => file.close())
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    if (made && code === 'EEXIST') throw new OperatorError('FILE_EXISTS', `${path} exists already`, { advice: 'Use it, or name another with --output: nothing is overwritten.' })
    throw new OperatorError('OUTPUT', `${path} cannot be written (${code})`, { advice: 'Choose a place that this user may write, with --output.', cause })
  }
}

/** For a line that is copied into a shell. */
const quoted = (path: string): string => (/^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
