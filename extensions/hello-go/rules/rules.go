// Package rules has the rules. They know nothing of the host, so that `go test` runs them
// natively.
package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Word is the one setting: the word before the name.
const Word = "word"

// nameLengthMax is the number of characters that a name has at most.
const nameLengthMax = 100

// Name returns the name that a person is greeted by.
func Name(given string) (string, error) {
	name := strings.Join(strings.Fields(given), " ")
	switch length := utf8.RuneCountInString(name); {
	case length == 0:
		return "", errors.New("Field 'name' is required")
	case length > nameLengthMax:
		return "", fmt.Errorf("Field 'name' has %d characters, and at most %d are allowed", length, nameLengthMax)
	}
	return name, nil
}

// Greeting returns the greeting of a person who was greeted before so many times.
func Greeting(word, name string, before int64) string {
	if before > 0 {
		return fmt.Sprintf("%s again, %s!", word, name)
	}
	return fmt.Sprintf("%s, %s!", word, name)
}

// Email returns an email address with its domain in lower case, which is all that mail
// servers agree on.
func Email(given string) string {
	at := strings.LastIndex(given, "@") + 1
	return given[:at] + strings.ToLower(given[at:])
}

// Faults returns what is wrong with a setting: lines that begin with its key.
func Faults(key, value string) []string {
	switch {
	case key != Word:
		return []string{fmt.Sprintf("%s: there is no such setting; there is %s", key, Word)}
	case strings.TrimSpace(value) == "":
		return []string{fmt.Sprintf("%s: the word is empty", key)}
	}
	return nil
}
