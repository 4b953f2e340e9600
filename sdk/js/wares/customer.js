// The hooks of the customers module, and the fields of what they are called with.

import { guarded } from './guard.js'

/** A hook that does nothing. */
const unchanged = (context, value) => value

/** All hooks of `wares:customer/hooks`. */
const NOTHING = {
  beforeCreateCustomer: unchanged,
  beforeUpdateCustomer: unchanged,
  beforeDeleteCustomer: unchanged,
  beforeCreateAddress: unchanged,
  beforeUpdateAddress: unchanged,
  beforeDeleteAddress: unchanged,
  beforeCreateGroup: unchanged,
  beforeUpdateGroup: unchanged,
  beforeDeleteGroup: unchanged,
  beforeAddMembers: unchanged,
  beforeRemoveMembers: unchanged,
}

/**
 * Returns the export `hooks`: those that are given, each a function of the context and the
 * value that returns the value or throws a Rejection. The others return theirs as it is.
 *
 * @param {Partial<typeof NOTHING>} own
 */
export function customerHooks(own) {
  const unknown = Object.keys(own).filter((name) => !(name in NOTHING))
  if (unknown.length > 0) {
    throw new TypeError(`there is no hook ${unknown.join(', ')}; there are ${Object.keys(NOTHING).join(', ')}`)
  }
  return guarded({ ...NOTHING, ...own })
}

/**
 * Changes fields of what a hook is called with: of a customer, address or group that is made,
 * or of the changes to one. A field that is missing or null is passed over.
 *
 * @param {object} value
 * @param {Record<string, (value: any) => any>} edits A function for each field, by its name in
 *   camelCase. It returns the new value, or undefined where it only checks.
 * @returns The same value.
 */
export function edit(value, edits) {
  if (Array.isArray(value.changes)) {
    for (const change of value.changes) change.val = edited(change.val, edits[camelCase(change.tag)])
  } else {
    for (const [name, change] of Object.entries(edits)) {
      if (name in value) value[name] = edited(value[name], change)
    }
  }
  return value
}

function edited(value, change) {
  if (value == null || change === undefined) return value
  const next = change(value)
  return next === undefined ? value : next
}

const camelCase = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())
