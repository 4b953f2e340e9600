package rules

import (
	"slices"
	"testing"
)

func TestAPersonIsGreetedInTheWordsOfTheSettings(t *testing.T) {
	for _, greeted := range [][3]string{
		{"", " Ann ", "Hello, Ann!"},
		{"Ciao", "Ann", "Ciao, Ann!"},
	} {
		if found := Greeting(greeted[0], greeted[1]); found != greeted[2] {
			t.Errorf("%q instead of %q", found, greeted[2])
		}
	}
}

func TestUnknownSettingsAreNamed(t *testing.T) {
	faults := Faults([]string{Word, "wrod"})
	if !slices.Equal(faults, []string{"wrod: there is no such setting; there is word"}) {
		t.Error(faults)
	}
}
