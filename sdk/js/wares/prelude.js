// What QuickJS lacks or gets wrong under a host that starts each call from one state, which
// was taken at the build: `console`, randomness and `crypto`. guard.js imports it, so that
// each component has it.

import logging from 'wasi:logging/logging@0.1.0-draft'
import random from 'wasi:random/random@0.2.0'

import { described } from './text.js'

const LEVELS = { trace: 'trace', debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' }

/** Whether a call runs. Before the first one, the sources run at the build, where no host is. */
let serving = false

/** Says that a call begins. guard.js does, in each function that the host calls. */
export function begin() {
  if (serving) return
  serving = true
  // What was drawn at the build would be the same in each call.
  used = block.byteLength
}

/** Lines of the host's log, with the levels that the methods of `console` have. At the build it prints nothing. */
globalThis.console = Object.fromEntries(
  Object.entries(LEVELS).map(([method, level]) => [
    method,
    (...values) => {
      if (serving) logging.log(level, 'console', values.map(described).join(' '))
    },
  ]),
)

/** How many random bytes the host is asked for at once, for `Math.random`. */
const BLOCK_BYTES = 256

let block = new DataView(new ArrayBuffer(0))
let used = 0

/** A number from 0 to below 1, of 53 random bits: QuickJS's own repeats itself in each call. */
Math.random = () => {
  if (used + 8 > block.byteLength) {
    const bytes = random.getRandomBytes(BLOCK_BYTES)
    block = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    used = 0
  }
  const high = block.getUint32(used) >>> 5
  const low = block.getUint32(used + 4) >>> 6
  used += 8
  return (high * 2 ** 26 + low) / 2 ** 53
}

/** How many bytes `crypto.getRandomValues` fills at most, as elsewhere. */
const RANDOM_BYTES_MAX = 65536

/** The two functions of Web Crypto that names and keys are made with. */
const crypto = {
  getRandomValues(array) {
    if (array.byteLength > RANDOM_BYTES_MAX) {
      throw new RangeError(`at most ${RANDOM_BYTES_MAX} random bytes at once, not ${array.byteLength}`)
    }
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random.getRandomBytes(array.byteLength))
    return array
  },

  /** A UUID of version 4. */
  randomUUID() {
    const bytes = crypto.getRandomValues(new Uint8Array(16))
    bytes[6] = (bytes[6] & 0x0f) | 0x40
    bytes[8] = (bytes[8] & 0x3f) | 0x80
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  },
}
// Under Node, where tests run, it has no setter.
Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true, writable: true })
