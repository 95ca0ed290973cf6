// Once for all test files of the project "postgres": a server, and in it the template that each test's database is a copy of.
import type { TestProject } from 'vitest/node'
import { openDatabase } from '../database.ts'
import { testOwner } from './owner.ts'
import { findPostgres, startPostgres } from './postgres.ts'
import { createServed, TEMPLATE } from './served.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of a database of the test server; absent where tests run on the embedded one. */
    postgres?: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres(findPostgres()!)
  try {
    const url = server.url('postgres')
    const template = await createServed(url, TEMPLATE)
    await (await openDatabase({ url: template, owner: testOwner })).close()
    project.provide('postgres', url)
  } catch (error) {
    await server.stop()
    throw error
  }
  return () => server.stop()
}
