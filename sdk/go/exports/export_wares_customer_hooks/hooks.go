// Package export_wares_customer_hooks answers the host's calls of wares:customer/hooks.
package export_wares_customer_hooks

import (
	"errors"

	types "go.bytecodealliance.org/pkg/wit/types"
	"wares/customer"
	"wares/imports/wares_platform_hooks"
)

type rejection = wares_platform_hooks.Rejection

// answer returns the value of a hook, or the rejection. Any other error ends the call, with its
// text in the log.
func answer[T any](value T, err error) types.Result[T, rejection] {
	if err == nil {
		return types.Ok[T, rejection](value)
	}
	var rejected customer.Rejection
	if !errors.As(err, &rejected) {
		panic(err)
	}
	return types.Err[T](rejection{
		Message: rejected.Message,
		Field:   optional(rejected.Field),
		Code:    optional(rejected.Code),
	})
}

func optional(text string) types.Option[string] {
	if text == "" {
		return types.None[string]()
	}
	return types.Some(text)
}

func BeforeCreateCustomer(context customer.Context, value customer.NewCustomer) types.Result[customer.NewCustomer, rejection] {
	return answer(customer.Extension().BeforeCreateCustomer(context, value))
}

func BeforeUpdateCustomer(context customer.Context, value customer.CustomerUpdate) types.Result[customer.CustomerUpdate, rejection] {
	return answer(customer.Extension().BeforeUpdateCustomer(context, value))
}

func BeforeDeleteCustomer(context customer.Context, value string) types.Result[string, rejection] {
	return answer(customer.Extension().BeforeDeleteCustomer(context, value))
}

func BeforeCreateAddress(context customer.Context, value customer.NewAddress) types.Result[customer.NewAddress, rejection] {
	return answer(customer.Extension().BeforeCreateAddress(context, value))
}

func BeforeUpdateAddress(context customer.Context, value customer.AddressUpdate) types.Result[customer.AddressUpdate, rejection] {
	return answer(customer.Extension().BeforeUpdateAddress(context, value))
}

func BeforeDeleteAddress(context customer.Context, value customer.AddressReference) types.Result[customer.AddressReference, rejection] {
	return answer(customer.Extension().BeforeDeleteAddress(context, value))
}

func BeforeCreateGroup(context customer.Context, value customer.NewGroup) types.Result[customer.NewGroup, rejection] {
	return answer(customer.Extension().BeforeCreateGroup(context, value))
}

func BeforeUpdateGroup(context customer.Context, value customer.GroupUpdate) types.Result[customer.GroupUpdate, rejection] {
	return answer(customer.Extension().BeforeUpdateGroup(context, value))
}

func BeforeDeleteGroup(context customer.Context, value string) types.Result[string, rejection] {
	return answer(customer.Extension().BeforeDeleteGroup(context, value))
}

func BeforeAddMembers(context customer.Context, value customer.MembershipChange) types.Result[customer.MembershipChange, rejection] {
	return answer(customer.Extension().BeforeAddMembers(context, value))
}

func BeforeRemoveMembers(context customer.Context, value customer.MembershipChange) types.Result[customer.MembershipChange, rejection] {
	return answer(customer.Extension().BeforeRemoveMembers(context, value))
}
