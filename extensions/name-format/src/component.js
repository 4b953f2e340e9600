// The rules as a component: what the host calls.

import { customerHooks, edit } from '../../../sdk/js/wares/customer.js'
import { component, setting } from '../../../sdk/js/wares/lifecycle.js'

import { COUNTRY, faults, ofAddresses, ofCustomers } from './rules.js'

export const lifecycle = component(
  { name: 'name-format', version: '0.1.0', summary: 'Writes names and phone numbers as a person would' },
  faults,
)

const country = () => setting(COUNTRY)?.toLowerCase() ?? null

/** The country that an update sets, if it does. The address has another one before, which is not known here. */
function countryOf({ changes }) {
  const change = changes.find(({ tag }) => tag === 'country-code')
  return change?.val?.toLowerCase() ?? null
}

export const hooks = customerHooks({
  beforeCreateCustomer: (context, customer) => edit(customer, ofCustomers(country())),
  beforeUpdateCustomer: (context, update) => edit(update, ofCustomers(country())),
  beforeCreateAddress: (context, address) => edit(address, ofAddresses(country(), address)),
  beforeUpdateAddress: (context, update) => edit(update, ofAddresses(countryOf(update))),
})
