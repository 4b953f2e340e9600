// Package customer is the extension point of the customers module: hooks that run before its
// writes. It is there if the world exports wares:customer/hooks.
package customer

import (
	"wares/imports/wares_customer_types"
	"wares/imports/wares_platform_hooks"
)

// The values of the hooks, as the contracts have them.
type (
	Context          = wares_platform_hooks.Context
	NewCustomer      = wares_customer_types.NewCustomer
	CustomerUpdate   = wares_customer_types.CustomerUpdate
	NewAddress       = wares_customer_types.NewAddress
	AddressUpdate    = wares_customer_types.AddressUpdate
	AddressReference = wares_customer_types.AddressReference
	NewGroup         = wares_customer_types.NewGroup
	GroupUpdate      = wares_customer_types.GroupUpdate
	MembershipChange = wares_customer_types.MembershipChange
)

// Rejection is the error of a hook that refuses a request, with 400. Any other error is a
// failure of the extension: the operator chooses whether requests are refused or go on
// without it.
type Rejection struct {
	// Message is one sentence for the person who asked.
	Message string
	// Field is the field of the request's body that it is about, or empty.
	Field string
	// Code is a name of the reason for programs, or empty.
	Code string
}

func (rejection Rejection) Error() string { return rejection.Message }

// Hooks run before the writes that they are named after. The module goes on with the values
// that they return.
type Hooks interface {
	BeforeCreateCustomer(Context, NewCustomer) (NewCustomer, error)
	BeforeUpdateCustomer(Context, CustomerUpdate) (CustomerUpdate, error)
	BeforeDeleteCustomer(Context, string) (string, error)
	BeforeCreateAddress(Context, NewAddress) (NewAddress, error)
	BeforeUpdateAddress(Context, AddressUpdate) (AddressUpdate, error)
	BeforeDeleteAddress(Context, AddressReference) (AddressReference, error)
	BeforeCreateGroup(Context, NewGroup) (NewGroup, error)
	BeforeUpdateGroup(Context, GroupUpdate) (GroupUpdate, error)
	BeforeDeleteGroup(Context, string) (string, error)
	BeforeAddMembers(Context, MembershipChange) (MembershipChange, error)
	BeforeRemoveMembers(Context, MembershipChange) (MembershipChange, error)
}

// Unchanged has hooks that return their values as they are. Embed it, and write those that do
// something.
type Unchanged struct{}

func (Unchanged) BeforeCreateCustomer(_ Context, value NewCustomer) (NewCustomer, error) {
	return value, nil
}

func (Unchanged) BeforeUpdateCustomer(_ Context, value CustomerUpdate) (CustomerUpdate, error) {
	return value, nil
}

func (Unchanged) BeforeDeleteCustomer(_ Context, value string) (string, error) {
	return value, nil
}

func (Unchanged) BeforeCreateAddress(_ Context, value NewAddress) (NewAddress, error) {
	return value, nil
}

func (Unchanged) BeforeUpdateAddress(_ Context, value AddressUpdate) (AddressUpdate, error) {
	return value, nil
}

func (Unchanged) BeforeDeleteAddress(_ Context, value AddressReference) (AddressReference, error) {
	return value, nil
}

func (Unchanged) BeforeCreateGroup(_ Context, value NewGroup) (NewGroup, error) {
	return value, nil
}

func (Unchanged) BeforeUpdateGroup(_ Context, value GroupUpdate) (GroupUpdate, error) {
	return value, nil
}

func (Unchanged) BeforeDeleteGroup(_ Context, value string) (string, error) {
	return value, nil
}

func (Unchanged) BeforeAddMembers(_ Context, value MembershipChange) (MembershipChange, error) {
	return value, nil
}

func (Unchanged) BeforeRemoveMembers(_ Context, value MembershipChange) (MembershipChange, error) {
	return value, nil
}

var extension Hooks = Unchanged{}

// Extend sets the hooks. Call it in an init function of the main package.
func Extend(hooks Hooks) { extension = hooks }

// Extension returns what Extend was called with.
func Extension() Hooks { return extension }
