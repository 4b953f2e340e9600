// The rules as a component: what the host calls. A field of WIT in kebab-case is one in
// camelCase here, `option` is a value or null, `result` is a value or an exception,
// and a case of a variant is `{tag, val}`.

import store from 'wasi:config/store@0.2.0-rc.1'
import logging from 'wasi:logging/logging@0.1.0-draft'

import { REFUSED_DOMAIN, faults, isOf, tidy } from './rules.js'

export const lifecycle = {
  describe() {
    return {
      name: 'wares-template',
      version: '0.1.0',
      summary: 'Tidies the names of customers, and refuses email addresses of one domain',
    }
  },

  checkSettings() {
    const found = faults(store.getAll())
    if (found.length > 0) throw found
  },
}

/**
 * Refuses an email address of the domain in the settings: an object that is thrown is the
 * rejection. An Error would be a failure of this extension: the operator chooses whether
 * requests are refused or go on without it.
 */
function check(email) {
  const domain = store.get(REFUSED_DOMAIN)
  if (domain == null || email == null || !isOf(email, domain)) return
  logging.log('info', 'check', `refuses an address of ${domain}`)
  throw {
    message: `Email addresses of ${domain} are not accepted`,
    field: 'email',
    code: 'refused_domain',
  }
}

const NAMES = ['firstName', 'lastName', 'companyName']

/** A hook at which nothing is done. */
const unchanged = (context, value) => value

export const hooks = {
  beforeCreateCustomer(context, customer) {
    check(customer.email)
    for (const name of NAMES) {
      if (customer[name] != null) customer[name] = tidy(customer[name])
    }
    return customer
  },

  beforeUpdateCustomer(context, update) {
    for (const change of update.changes) {
      if (change.val == null) continue
      if (change.tag === 'email') check(change.val)
      if (['first-name', 'last-name', 'company-name'].includes(change.tag)) change.val = tidy(change.val)
    }
    return update
  },

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
