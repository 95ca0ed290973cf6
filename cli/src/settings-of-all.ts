import { type TObject, type TSchema, Type } from 'typebox'

/** What a machine's or a checker's file may hold, as far as these services are here. */
export async function settingsOfAll(): Promise<TObject> {
  const schemas = await Promise.all(['provider', 'checker'].map((service) => import(`@assay/${service}/config`).then((module: Record<string, TObject>) => module[`${service}Config`]!.properties, absent)))
  return Type.Object(Object.assign({}, ...schemas) as Record<string, TSchema>)
}

function absent(error: NodeJS.ErrnoException): TObject['properties'] {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  return {}
}
