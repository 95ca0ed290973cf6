// Names of the device classes: those of the protocol's table.
import { DEVICE_CLASSES } from '@assay/protocol'

/** The name of a class; null of 0 and of numbers that this page is too old to know. */
export const deviceName = (id: number): string | null => DEVICE_CLASSES.find((one) => one.id === id)?.name ?? null
