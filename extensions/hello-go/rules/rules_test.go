package rules

import (
	"slices"
	"strings"
	"testing"
)

func TestNamesAreTidiedAndBounded(t *testing.T) {
	for _, given := range []string{" Ann  Maria\t", "Ann Maria"} {
		if name, err := Name(given); name != "Ann Maria" || err != nil {
			t.Errorf("%q: %q, %v", given, name, err)
		}
	}
	if _, err := Name(strings.Repeat("é", 100)); err != nil {
		t.Error(err)
	}
	for given, said := range map[string]string{
		" ":                      "Field 'name' is required",
		strings.Repeat("é", 101): "Field 'name' has 101 characters, and at most 100 are allowed",
	} {
		if _, err := Name(given); err == nil || err.Error() != said {
			t.Errorf("%q: %v", given, err)
		}
	}
}

func TestAPersonWhoWasGreetedBeforeIsGreetedAgain(t *testing.T) {
	for before, greeting := range []string{"Ciao, Ann!", "Ciao again, Ann!", "Ciao again, Ann!"} {
		if found := Greeting("Ciao", "Ann", int64(before)); found != greeting {
			t.Errorf("%q instead of %q", found, greeting)
		}
	}
}

func TestOfAnEmailAddressOnlyTheDomainIsLowered(t *testing.T) {
	for given, email := range map[string]string{
		"Ann@Shop.Example": "Ann@shop.example",
		"A@b@C":            "A@b@c",
		"Ann":              "ann",
	} {
		if found := Email(given); found != email {
			t.Errorf("%q instead of %q", found, email)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, setting := range []struct{ key, value, fault string }{
		{"word", "Ciao", ""},
		{"word", " ", "word: the word is empty"},
		{"wrod", "Ciao", "wrod: there is no such setting; there is word"},
	} {
		var wanted []string
		if setting.fault != "" {
			wanted = []string{setting.fault}
		}
		if found := Faults(setting.key, setting.value); !slices.Equal(found, wanted) {
			t.Errorf("%v instead of %v", found, wanted)
		}
	}
}
