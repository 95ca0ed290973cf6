import { runProvider } from '@assay/provider'
import { secret } from '../../provider/src/secret.ts'
import rxjs from 'rxjs'

export const all = [runProvider, secret, rxjs]
