export { applyBlock } from '@assay/protocol'
