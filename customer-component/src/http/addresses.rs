//! `/admin/customers/{id}/addresses`

use wares_module_kit::change::Change;
use wares_module_kit::entity::Entity;
use wares_module_kit::fault::Fault;
use wares_module_kit::filter::{Comparison, Filter};
use wares_module_kit::http::body::Body;
use wares_module_kit::http::exchange::{self, Answer, Prepared, Request};
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters::{self, Filters};
use wares_module_kit::metadata::Metadata;
use wares_module_kit::store::Read;

use crate::addresses::{issues_of_new, issues_of_update};
use crate::customers;
use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::{ADDRESS, ADDRESSES, CUSTOMER};
use crate::settings::Compat;
use crate::store::Store;
use crate::types::{AddressReference, AddressUpdate, NewAddress};

use super::customers::{ONE as ONE_CUSTOMER, selected};

/// How one address stands in an answer.
pub(super) const ONE: (&str, &Entity) = ("address", &ADDRESS);

/// Its name in the answer of a deletion.
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
    let defaults = Selection::shown(&ADDRESS);
    let mut list = parameters::list(
        &ADDRESSES,
        request.query,
        request.extended,
        domain.compat().paging(),
        &defaults,
    )?;
    domain.retrieve_customer(customer_id)?;
    let column = ADDRESS.index_of("customer_id").unwrap_or_default();
    let own = Filter::Compare(column, Comparison::Equal, customer_id.to_owned());
    let asked = std::mem::replace(&mut list.search.filter, Filter::all());
    list.search.filter = Filter::All(vec![own, asked]);
    domain.list(LIST, request, &list)
}

pub(super) fn retrieve<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let selection = parameters::fields(&ADDRESS, request.query, &Selection::shown(&ADDRESS))?;
    let found = domain.retrieve_address(&reference(request))?;
    exchange::one(domain.reads(), request, ONE, &selection, found)
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
    metadata: Change<Metadata>,
    additional_data: Option<Metadata>,
}

impl Fields {
    fn read(body: &mut Body, compat: Compat) -> Self {
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
            country_code: match compat {
                Compat::Document => body.country("country_code"),
                Compat::Medusa2 => body.text("country_code"),
            },
            province: body.text("province"),
            postal_code: body.text("postal_code"),
            phone: body.text("phone"),
            metadata: body.object("metadata"),
            additional_data: body.object("additional_data").optional(),
        }
    }
}

/// An address to be made.
pub(super) fn new(body: &mut Body, compat: Compat) -> NewAddress {
    let fields = Fields::read(body, compat);
    let new = NewAddress {
        customer_id: String::new(),
        address_name: fields.address_name.optional(),
        is_default_shipping: fields.is_default_shipping.unwrap_or_default(),
        is_default_billing: fields.is_default_billing.unwrap_or_default(),
        company: fields.company.optional(),
        first_name: fields.first_name.optional(),
        last_name: fields.last_name.optional(),
        address_1: fields.address_1.optional(),
        address_2: fields.address_2.optional(),
        city: fields.city.optional(),
        province: fields.province.optional(),
        postal_code: fields.postal_code.optional(),
        country_code: fields.country_code.optional(),
        phone: fields.phone.optional(),
        metadata: fields.metadata.optional(),
        additional_data: fields.additional_data,
    };
    body.issues.rules(issues_of_new(&new, compat));
    new
}

/// Changes to an address.
pub(super) fn changes(body: &mut Body, compat: Compat) -> AddressUpdate {
    let fields = Fields::read(body, compat);
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
    let answer = domain.create_address_for(new, |reads, _| owner(reads, request, &selection))?;
    Ok(answer.written())
}

pub(super) fn update<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let update = AddressUpdate {
        address: reference(request),
        ..request.read(|body| changes(body, domain.compat()))?
    };
    let selection = selected(request.query)?;
    let answer = domain.update_address_for(update, |reads, _| owner(reads, request, &selection))?;
    Ok(answer.written())
}

/// The customer that has an address: what a write of one answers.
fn owner<'a>(
    reads: &dyn Read,
    request: Request<'a>,
    selection: &'a Selection,
) -> Result<Prepared<'a>, Fault> {
    let found = customers::retrieve(reads, request.segment(0))?;
    exchange::prepare(reads, request, ONE_CUSTOMER, selection, found)
}

pub(super) fn delete<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let selection = selected(request.query)?;
    let reference = reference(request);
    let answer = domain.delete_address_for(&reference, |reads| {
        let parent = customers::retrieve(reads, &reference.customer_id)?;
        let shown = (&CUSTOMER, &selection);
        exchange::prepare_deleted_of(reads, request, (&reference.id, OBJECT), shown, parent)
    })?;
    Ok(answer.written())
}
