export { readMachine } from './device/machine.ts'
