// Where `assay` begins: packages come from their bundles, so the program is loaded after that is arranged.
import { useBundles } from './bundles.ts'

useBundles()
await import('./program.ts')
