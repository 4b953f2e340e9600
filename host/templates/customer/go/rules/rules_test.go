package rules

import (
	"slices"
	"testing"
)

func TestNamesAreTidied(t *testing.T) {
	for name, tidy := range map[string]string{
		"  Ann \t Maria ": "Ann Maria",
		"Ann":             "Ann",
		" ":               "",
	} {
		if found := Tidy(name); found != tidy {
			t.Errorf("%q instead of %q", found, tidy)
		}
	}
}

func TestAnAddressIsOfItsOwnDomainAlone(t *testing.T) {
	if !IsOf("ann@Spam.example", "spam.EXAMPLE") {
		t.Error("case matters")
	}
	for _, email := range []string{"ann@not-spam.example", "spam.example"} {
		if IsOf(email, "spam.example") {
			t.Error(email)
		}
	}
}

func TestUnknownSettingsAreNamed(t *testing.T) {
	faults := Faults([]string{RefusedDomain, "refuse"})
	if !slices.Equal(faults, []string{"refuse: there is no such setting; there is refused_domain"}) {
		t.Error(faults)
	}
}
