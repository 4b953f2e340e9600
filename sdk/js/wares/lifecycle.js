// The interface `lifecycle`, which every component exports, and the settings.

import store from 'wasi:config/store@0.2.0-rc.1'

import { guarded } from './guard.js'

/** Returns a setting, or null where the operator has not set it. All are texts. */
export const setting = (key) => store.get(key) ?? null

/** Returns all settings as an object. While a call is served the host adds its limits, as `wares.…`. */
export const settings = () => Object.fromEntries(store.getAll())

/**
 * Returns the export `lifecycle`.
 *
 * @param {{name: string, version: string, summary: string}} description
 * @param {(settings: Record<string, string>) => string[]} [check] Returns what is wrong with
 *   the settings: lines that begin with their keys. Without it every setting is accepted.
 */
export function component(description, check = () => []) {
  return guarded({
    describe: () => description,
    checkSettings() {
      const faults = check(settings())
      if (faults.length > 0) throw faults
    },
  })
}
