// A service's command: its one schema gives the flags, the environment names and the help.
import { type Command, Option } from 'commander'
import type { Static, TObject } from 'typebox'
import { describeConfig, loadConfig } from '@assay/kit/config'
import { runMain } from '@assay/kit/lifecycle'
import { FILES_WANTED, filesLimit } from '@assay/kit/limits'
import { createLog, type Log, type LogLevel } from '@assay/kit/log'
import type { PasswordPlaces } from '@assay/kit/password'
import { passwordPlaces } from './password.ts'

export interface Service<S extends TObject> {
  name: string
  schema: S
  /** of the service, where this command takes only a part of what its file may hold */
  fileMayHold?: TObject
  /** Runs until it is done or the signal fires; `args` are the command's arguments. */
  run: (config: Static<S>, context: { signal: AbortSignal; log: Log; passwords: PasswordPlaces }, args: readonly string[]) => Promise<void>
}

/**
 * Gives `command` the flags of the service's schema (and `--config`, `--log-level`, `--log-json`) and runs the service until it is stopped.
 * Every setting may also come from `ASSAY_<NAME>` or from the file named by `--config` (or ASSAY_CONFIG).
 */
export function serviceCommand<S extends TObject>(command: Command, service: Service<S>): Command {
  return addConfigFile(addSettings(command, service.schema))
    .addOption(new Option('--log-level <level>', 'the least that is told').choices(['debug', 'info', 'warn', 'error']).default('info'))
    .option('--log-json', 'one JSON object a line instead of text')
    .action(async (...given: [...string[], Record<string, unknown>, Command]) => {
      const args = given.slice(0, -2) as string[]
      const { config, logLevel, logJson, ...flags } = given.at(-2) as Record<string, unknown>
      const log = createLog({ level: logLevel as LogLevel, json: logJson === true, service: service.name })
      // Whoever reads JSON reads the end as JSON too.
      const tell = logJson === true ? (error: unknown, exit: number) => log.error('ended', { error, exit }) : undefined
      await runMain(async (signal) => {
        const settings = loadConfig(service.schema, { flags, env: process.env, file: config as string | undefined, fileMayHold: service.fileMayHold })
        const files = filesLimit()
        if (files !== null && files < FILES_WANTED) log.warn('few files', { limit: files, advice: `Raise it to ${FILES_WANTED} or more: ulimit -n, or LimitNOFILE= of systemd.` })
        await service.run(settings, { signal, log, passwords: passwordPlaces(signal) }, args)
      }, tell && { tell })
    })
}

/** Gives `command` the flag of a settings file. */
export const addConfigFile = (command: Command): Command => command.option('--config <file>', 'a YAML or JSON file with any of these settings, as assay init writes it [ASSAY_CONFIG]')

/** Gives `command` a flag for each setting of a schema, with its default and environment name. */
export function addSettings(command: Command, schema: TObject): Command {
  for (const field of describeConfig(schema)) {
    const shown = field.default === undefined ? '' : ` (default ${JSON.stringify(field.default)})`
    command.option(`${field.flag} <value>`, `${field.description}${shown} [${field.env}]`)
  }
  return command
}
