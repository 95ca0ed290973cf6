// A database of which something is not as it was written.
import { OperatorError } from '@assay/kit/lifecycle'

/** The database `where` cannot be what was written: nobody goes on from it. */
export const damagedError = (where: string, cause: Error): OperatorError =>
  new OperatorError('DAMAGED', `the database ${where} is damaged (${cause.message ?? 'a file cannot be read'})`, {
    advice: 'A broken disk or somebody who edited it may be the reason. Move it away; then restore a backup into an empty one (assay indexer restore), or start with an empty one: everything is read from the chain again. Where it still opens, assay indexer reindex does the same and keeps the evidence.', cause,
  })
