import type { Hex } from '@assay/protocol'

/** Keys of storage that every reader of blocks asks for: twox128 of pallet and entry, the same in every runtime. */
export const STORAGE_KEYS = {
  /** `:code` */
  code: '0x3a636f6465',
  /** `System.Events` */
  events: '0x26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7',
  /** `System.LastRuntimeUpgrade` */
  lastRuntimeUpgrade: '0x26aa394eea5630e07c48ae0c9558cef7f9cce9c888469bb1a0dceaa129672ef8',
  /** `ParachainSystem.ValidationData` */
  validationData: '0x45323df7cc47150b3930e2666b0aa313d422e17d2affdce4a912d187a734dd67',
} as const satisfies Record<string, Hex>
