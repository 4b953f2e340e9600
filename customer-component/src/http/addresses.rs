//! `/admin/customers/{id}/addresses`

use crate::addresses::{issues_of_new, issues_of_update};
use crate::customers;
use crate::domain::Domain;
use crate::filter::{Comparison, Filter};
use crate::hooks::Hooks;
use crate::model::Entity;
use crate::settings::Compat;
use crate::store::{Read, Store};
use crate::types::{AddressReference, AddressUpdate, Change, NewAddress};

use super::body::{Body, optional};
use super::customers::{ONE as ONE_CUSTOMER, selected};
use super::fields::Selection;
use super::json::Out;
use super::parameters::{self, ADDRESSES, Filters};
use super::{Answer, Budget, Request};

/// How one address stands in an answer.
pub(super) const ONE: (&str, Entity) = ("address", Entity::Address);

/// What it is called once it is deleted.
pub(super) const OBJECT: &str = "customer_address";

/// How a list of addresses stands in an answer, and what it may be filtered by.
pub(super) const LIST: (&str, &Filters) = ("addresses", &ADDRESSES);

fn reference(request: Request<'_>) -> AddressReference {
    AddressReference {
        customer_id: request.segment(0).to_owned(),
        id: request.segment(1).to_owned(),
    }
}

pub(super) fn list<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let customer_id = request.segment(0);
    let defaults = Selection::shown(Entity::Address);
    super::list(domain, LIST, request, &defaults, |list| {
        domain.retrieve_customer(customer_id)?;
        let column = Entity::Address.place("customer_id").unwrap_or_default();
        let own = Filter::Compare(column, Comparison::Equal, customer_id.to_owned());
        let asked = std::mem::replace(&mut list.search.filter, Filter::all());
        list.search.filter = Filter::All(vec![own, asked]);
        Ok(())
    })
}

pub(super) fn retrieve<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let selection = parameters::fields(
        Entity::Address,
        request.query,
        &Selection::shown(Entity::Address),
    )?;
    let found = domain.retrieve_address(&reference(request))?;
    super::one(domain.reads(), request.budget, ONE, &selection, found)
}

/// The fields of an address, in the order in which issues are named.
struct Fields {
    address_name: Change<String>,
    is_default_shipping: Option<bool>,
    is_default_billing: Option<bool>,
    company: Change<String>,
    first_name: Change<String>,
    last_name: Change<String>,
    address_1: Change<String>,
    address_2: Change<String>,
    city: Change<String>,
    country_code: Change<String>,
    province: Change<String>,
    postal_code: Change<String>,
    phone: Change<String>,
    metadata: Change<crate::metadata::Metadata>,
    additional_data: Option<crate::metadata::Metadata>,
}

impl Fields {
    fn read(body: &mut Body) -> Self {
        Self {
            address_name: body.text("address_name"),
            is_default_shipping: body.flag("is_default_shipping"),
            is_default_billing: body.flag("is_default_billing"),
            company: body.text("company"),
            first_name: body.text("first_name"),
            last_name: body.text("last_name"),
            address_1: body.text("address_1"),
            address_2: body.text("address_2"),
            city: body.text("city"),
            country_code: body.country("country_code"),
            province: body.text("province"),
            postal_code: body.text("postal_code"),
            phone: body.text("phone"),
            metadata: body.object("metadata"),
            additional_data: optional(body.object("additional_data")),
        }
    }
}

/// An address to be made.
pub(super) fn new(body: &mut Body, compat: Compat) -> NewAddress {
    let fields = Fields::read(body);
    let new = NewAddress {
        customer_id: String::new(),
        address_name: optional(fields.address_name),
        is_default_shipping: fields.is_default_shipping.unwrap_or_default(),
        is_default_billing: fields.is_default_billing.unwrap_or_default(),
        company: optional(fields.company),
        first_name: optional(fields.first_name),
        last_name: optional(fields.last_name),
        address_1: optional(fields.address_1),
        address_2: optional(fields.address_2),
        city: optional(fields.city),
        province: optional(fields.province),
        postal_code: optional(fields.postal_code),
        country_code: optional(fields.country_code),
        phone: optional(fields.phone),
        metadata: optional(fields.metadata),
        additional_data: fields.additional_data,
    };
    body.issues.rules(issues_of_new(&new, compat));
    new
}

/// Changes to an address.
pub(super) fn changes(body: &mut Body, compat: Compat) -> AddressUpdate {
    let fields = Fields::read(body);
    let update = AddressUpdate {
        address: AddressReference::default(),
        address_name: fields.address_name,
        is_default_shipping: fields.is_default_shipping,
        is_default_billing: fields.is_default_billing,
        company: fields.company,
        first_name: fields.first_name,
        last_name: fields.last_name,
        address_1: fields.address_1,
        address_2: fields.address_2,
        city: fields.city,
        province: fields.province,
        postal_code: fields.postal_code,
        country_code: fields.country_code,
        phone: fields.phone,
        metadata: fields.metadata,
        additional_data: fields.additional_data,
    };
    body.issues.rules(issues_of_update(&update, compat));
    update
}

pub(super) fn create<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let customer_id = request.segment(0);
    let new = NewAddress {
        customer_id: customer_id.to_owned(),
        ..request.read(|body| new(body, domain.compat()))?
    };
    let selection = selected(request.query)?;
    domain.create_address_for(new, |reads, _| {
        owner(reads, request.budget, &selection, customer_id)
    })
}

pub(super) fn update<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let update = AddressUpdate {
        address: reference(request),
        ..request.read(|body| changes(body, domain.compat()))?
    };
    let selection = selected(request.query)?;
    domain.update_address_for(update, |reads, _| {
        owner(reads, request.budget, &selection, request.segment(0))
    })
}

/// The customer that has an address: what a write of one answers.
fn owner(reads: &dyn Read, budget: Budget, selection: &Selection, id: &str) -> Answer {
    let found = customers::retrieve(reads, id)?;
    super::one(reads, budget, ONE_CUSTOMER, selection, found)
}

pub(super) fn delete<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let selection = selected(request.query)?;
    let reference = reference(request);
    domain.delete_address_for(&reference, |reads| {
        let parent = customers::retrieve(reads, &reference.customer_id)?;
        let start = super::deleted(&reference.id, OBJECT) + ",\"parent\":";
        let out = Out::new(request.budget, &start);
        super::thing(reads, out, (Entity::Customer, &selection), parent)
    })
}
