// `assay completion`: what makes a shell complete commands and flags, from the commands as they are.
import { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { addCommand, COMMANDS } from '../commands.ts'

/** One command: the words that lead to it, what may follow. */
interface Place {
  path: string
  words: { name: string; summary: string }[]
  flags: { name: string; summary: string; takesValue: boolean }[]
}

export function register(program: Command): void {
  program
    .command('completion')
    .description('print what makes a shell complete commands and flags')
    .argument('<shell>', 'bash, zsh or fish')
    .option('--json', 'one JSON object on standard output: all commands with their flags')
    .addHelpText('after', '\nExamples:\n  source <(assay completion bash)                                  in ~/.bashrc\n  source <(assay completion zsh)                                   in ~/.zshrc, after compinit\n  assay completion fish > ~/.config/fish/completions/assay.fish')
    .action(async (shell: string, options: { json?: boolean }) => {
      await runMain(async () => {
        const script = SHELLS[shell]
        if (!script) throw new OperatorError('SHELL', `there is no completion for ${shell}`, { advice: `Give one of ${Object.keys(SHELLS).join(', ')}.` })
        const all = new Command('assay').version('0')
        for (const name of Object.keys(COMMANDS)) await addCommand(all, name)
        const places = placesOf(all)
        process.stdout.write(options.json ? `${JSON.stringify({ shell, script: script(places), commands: places })}\n` : script(places))
      })
    })
}

function placesOf(command: Command, path: readonly string[] = []): Place[] {
  const help = command.createHelp()
  const words = help.visibleCommands(command).map((one) => ({ name: one.name(), summary: firstOf(one.description()) }))
  const flags = help.visibleOptions(command).filter(({ long }) => long !== undefined).map((option) => ({ name: option.long!, summary: firstOf(option.description), takesValue: option.required || option.optional }))
  return [{ path: path.join(' '), words, flags }, ...command.commands.flatMap((one) => placesOf(one, [...path, one.name()]))]
}

/** One line, as short as a list wants it. */
const firstOf = (text: string): string => text.split(/[;:\n]/)[0]!.slice(0, 80)
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const wordsOf = ({ words, flags }: Place): string => [...words, ...flags].map(({ name }) => name).join(' ')
const valued = (places: readonly Place[]): string => [...new Set(places.flatMap(({ flags }) => flags.filter(({ takesValue }) => takesValue).map(({ name }) => name)))].sort().join('|')
const pathsOf = (places: readonly Place[]): string => places.filter(({ path }) => path !== '').map(({ path }) => quoted(path)).join('|')

/** The loop by which bash and zsh find the command that the words name: flags and their values are passed over. */
const find = (places: readonly Place[], words: string): string => `  local at='' word skip=''
  for word in ${words}; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in
      ${valued(places)}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "\${at:+$at }$word" in
      ${pathsOf(places)}) at="\${at:+$at }$word" ;;
    esac
  done`

const SHELLS: Record<string, (places: readonly Place[]) => string> = {
  bash: (places) => `# bash completion of assay
_assay() {
${find(places, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  local current=\${COMP_WORDS[COMP_CWORD]} words=''
  if [[ -n $skip ]]; then
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  case "$at" in
${places.map((place) => `    ${quoted(place.path)}) words=${quoted(wordsOf(place))} ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _assay assay
`,
  zsh: (places) => `#compdef assay
# zsh completion of assay
_assay() {
${find(places, '"${(@)words[2,CURRENT-1]}"')}
  if [[ -n $skip ]]; then _files; return; fi
  local -a offers
  case "$at" in
${places.map((place) => `    ${quoted(place.path)}) offers=(${[...place.words, ...place.flags].map(({ name, summary }) => quoted(`${name.replaceAll(':', '\\:')}:${summary}`)).join(' ')}) ;;`).join('\n')}
  esac
  _describe assay offers
}
if [[ $funcstack[1] = _assay ]]; then _assay "$@"; else compdef _assay assay; fi
`,
  fish: (places) => `# fish completion of assay
function __assay_at
  set -l at
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
      continue
    end
    if contains -- $word ${valued(places).replaceAll('|', ' ')}
      set skip 1
      continue
    end
    string match -q -- '-*' $word; and continue
    if contains -- (string join ' ' $at $word) ${pathsOf(places).replaceAll('|', ' ')}
      set -a at $word
    end
  end
  test "$at" = "$argv[1]"
end
complete -c assay -f
${places.flatMap(({ path, words, flags }) => [
  ...words.map(({ name, summary }) => `complete -c assay -n "__assay_at ${quoted(path)}" -a ${name} -d ${quoted(summary)}`),
  ...flags.map(({ name, summary, takesValue }) => `complete -c assay -n "__assay_at ${quoted(path)}" -l ${name.slice(2)}${takesValue ? ' -r -F' : ''} -d ${quoted(summary)}`),
]).join('\n')}
`,
}
