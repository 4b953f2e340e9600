// The settings, and what becomes of the fields of customers and addresses.

import { familyName, givenName, spaced } from './names.js'
import { isKnown, known, phone } from './phones.js'

/** The one setting: the country of phone numbers without a calling code. */
export const COUNTRY = 'country'

/** Returns what is wrong with the settings: lines that begin with their keys. */
export function faults(settings) {
  return Object.entries(settings).flatMap(([key, value]) => {
    if (key !== COUNTRY) return [`${key}: there is no such setting; there is ${COUNTRY}`]
    if (isKnown(value.toLowerCase())) return []
    return [`${COUNTRY}: '${value}' is none of the countries whose numbers are known: ${known().join(', ')}`]
  })
}

/** Returns the edits of a customer's fields. */
export function ofCustomers(country) {
  return {
    firstName: givenName,
    lastName: familyName,
    // Capitals of companies are theirs.
    companyName: spaced,
    phone: (number) => phone(number, country),
  }
}

/**
 * Returns the edits of an address's fields, whose numbers are those of its own country.
 *
 * @param {{countryCode?: string}} [made] The address, if it is being made.
 */
export function ofAddresses(country, made) {
  const here = made?.countryCode?.toLowerCase() ?? country
  return {
    firstName: givenName,
    lastName: familyName,
    company: spaced,
    phone: (number) => phone(number, here),
  }
}
