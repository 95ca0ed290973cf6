// A real chain for tests and the devnet: the peaq runtime in chopsticks.
export { startDevchain, ForkUnreachableError, type BlockRef, type Devchain, type DevchainOptions, type StorageValues } from './devchain.ts'
export { chainSpec, ChainSpecError, type ChainSpec, type ChainSpecOptions, type RawGenesis, type SpecNetwork } from './chain-spec.ts'
export { BlockBuildError, type DevchainLog, type ProducerStats } from './producer.ts'
export { DatabaseError } from './database.ts'
export { PortBusyError } from './rpc-server.ts'
