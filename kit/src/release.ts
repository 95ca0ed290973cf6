/** The release of these programs: what they say of themselves, to people and on the wire. It is that of package.json, which not every image holds. */
export const RELEASE = '0.1.0'
