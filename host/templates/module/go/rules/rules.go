// Package rules has the rules. They know nothing of the host, so that `go test` runs them
// natively.
package rules

import (
	"fmt"
	"strings"
)

// Word is the one setting: the word before the name.
const Word = "word"

// Greeting returns the greeting of a person, by the setting if there is one.
func Greeting(word, name string) string {
	if word == "" {
		word = "Hello"
	}
	return fmt.Sprintf("%s, %s!", word, strings.TrimSpace(name))
}

// Faults returns what is wrong with the settings of these keys: lines that begin with the keys.
func Faults(keys []string) []string {
	var faults []string
	for _, key := range keys {
		if key != Word {
			faults = append(faults, fmt.Sprintf("%s: there is no such setting; there is %s", key, Word))
		}
	}
	return faults
}
