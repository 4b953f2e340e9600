// Package rules has the rules. They know nothing of the host, so that `go test` runs them
// natively.
package rules

import (
	"fmt"
	"strings"
)

// RefusedDomain is the one setting: the domain whose email addresses are refused.
const RefusedDomain = "refused_domain"

// Tidy returns a name without white space around it, and with one space between its words.
func Tidy(name string) string { return strings.Join(strings.Fields(name), " ") }

// IsOf says whether an email address is of this domain, in any case.
func IsOf(email, domain string) bool {
	at := strings.LastIndex(email, "@")
	return at >= 0 && strings.EqualFold(strings.TrimSpace(email[at+1:]), strings.TrimSpace(domain))
}

// Faults returns what is wrong with the settings of these keys: lines that begin with the keys.
func Faults(keys []string) []string {
	var faults []string
	for _, key := range keys {
		if key != RefusedDomain {
			faults = append(faults, fmt.Sprintf("%s: there is no such setting; there is %s", key, RefusedDomain))
		}
	}
	return faults
}
