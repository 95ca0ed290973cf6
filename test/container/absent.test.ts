import { expect, it } from 'vitest'
import { missingForContainers } from './podman.ts'

it.skipIf(!process.env['CI'])(`the images of the services: NOT TESTED, here is no ${missingForContainers().join(', ')} (Debian, as root: apt-get install podman runc)`, () => expect.fail('CI tests them: .ci/run installs podman'))
