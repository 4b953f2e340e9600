// The rules as a component: what the host calls. A field of WIT in kebab-case is one in
// camelCase here, and `option` is a value or null.

import { customerHooks, edit } from '../wares/customer.js'
import { Rejection } from '../wares/errors.js'
import { component, setting } from '../wares/lifecycle.js'

import { REFUSED_DOMAIN, faults, isOf, tidy } from './rules.js'

export const lifecycle = component(
  {
    name: 'wares-template',
    version: '0.1.0',
    summary: 'Tidies the names of customers, and refuses email addresses of one domain',
  },
  faults,
)

/**
 * Refuses an email address of the domain in the settings. Any other exception would be a failure
 * of this extension: the operator chooses whether requests are refused or go on without it.
 */
function check(email) {
  const domain = setting(REFUSED_DOMAIN)
  if (domain == null || !isOf(email, domain)) return
  console.info(`refuses an address of ${domain}`)
  throw new Rejection(`Email addresses of ${domain} are not accepted`, { field: 'email', code: 'refused_domain' })
}

/** What becomes of fields that are set. */
const edits = { email: check, firstName: tidy, lastName: tidy, companyName: tidy }

// The hooks at which something is done; wares/customer.js has the names of all.
export const hooks = customerHooks({
  beforeCreateCustomer: (context, customer) => edit(customer, edits),
  beforeUpdateCustomer: (context, update) => edit(update, edits),
})
