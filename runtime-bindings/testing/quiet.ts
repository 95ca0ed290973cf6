// Imported before chopsticks, which reads its log level once, when it loads. Its own log stays silent: what matters of it
// (a failed build, a dropped transaction, a refused call) is reported by the development chain's log or by the reply itself.
// ASSAY_CHOPSTICKS_LOG brings it back: fatal | error | warn | info | debug | trace.
process.env['LOG_LEVEL'] = process.env['ASSAY_CHOPSTICKS_LOG'] ?? 'fatal'
process.env['POLKADOTJS_DISABLE_ESM_CJS_WARNING'] ??= '1'
