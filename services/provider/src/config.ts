// A provider's settings: one schema for type, check and help.
import { Type } from 'typebox'
import type { Static } from 'typebox'

export const providerConfig = Type.Object({
  chain: Type.String({ pattern: '^wss?://.+', description: 'a peaq node: ws:// or wss:// address' }),
  chainTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 30_000, description: 'how long the node may take to answer, ms' }),
  network: Type.String({ minLength: 1, description: 'the network to work for: its account, 5… or 0x…' }),
  dataDir: Type.String({ minLength: 1, path: true, description: 'folder of the keys and of what was signed; one per machine' }),
  passwordFile: Type.Optional(Type.String({ minLength: 1, path: true, description: 'file whose first line is the password of the keys, mode 600, or - for standard input; default: the systemd credential assay-password, else ASSAY_PASSWORD, else asked at the terminal' })),
  ownerFile: Type.Optional(Type.String({ minLength: 1, path: true, description: 'the owner’s key as an encrypted JSON file of a polkadot wallet, same password; default: dataDir/owner.json, made if missing' })),
  owner: Type.Optional(Type.String({ minLength: 1, description: 'the account that is paid, 5…, if its key is not on this machine: the owner agrees once to what assay machine request prints' })),
  engine: Type.String({ default: 'auto', minLength: 1, description: 'what computes: auto (a GPU that passes a self-test, else wasm), webgpu, wasm, reference (slow, for tests), or the path of a module that exports createEngine' }),
  gpu: Type.Optional(Type.String({ minLength: 1, description: 'number or name of the GPU to use, as assay machine doctor lists them; one GPU for each machine' })),
  threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024, description: 'compute threads of wasm; default: all cores' })),
  memoryMib: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 24, description: 'memory to show in memory rounds, MiB; default: the part of all memory that the network asks for' })),
  canaryFile: Type.Optional(Type.String({ minLength: 1, path: true, description: 'makes this machine a canary for an epoch: the secret file of assay canary commit' })),
  opsHost: Type.String({ default: '127.0.0.1', description: 'address of health and metrics' }),
  opsPort: Type.Integer({ minimum: 0, maximum: 65535, default: 4620, description: 'port of health and metrics; 0 takes a free one' }),
})

export type ProviderConfig = Static<typeof providerConfig>
