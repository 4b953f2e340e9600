use std::time::Duration;

use wares_module_kit::change::Change;
use wares_module_kit::entity::Columns;
use wares_module_kit::fault::Fault;
use wares_module_kit::metadata::Metadata;
use wares_module_kit::store::Read;

use super::{Meddler, domain, made, rejection};
use crate::domain::Domain;
use crate::groups::GROUPS_MAX;
use crate::model::CUSTOMERS_OF_GROUP;
use crate::settings::Compat;
use crate::store::Store;
use crate::tests::memory::Memory;
use crate::types::{Group, GroupUpdate, NewGroup};

fn named(name: &str) -> NewGroup {
    NewGroup {
        name: name.to_owned(),
        ..NewGroup::default()
    }
}

fn members<S: Store, H: crate::hooks::Hooks>(domain: &Domain<S, H>, group: &Group) -> Vec<String> {
    let rows = domain
        .reads()
        .related(CUSTOMERS_OF_GROUP, &[&group.id], Columns::ALL)
        .unwrap();
    (0..rows.len())
        .map(|row| rows.string(row, 1).unwrap())
        .collect()
}

fn no_end<T>(field: &str, id: &str) -> Result<T, Fault> {
    Err(Fault::NotFound(format!(
        "You tried to set relationship {field}: {id}, but such entity does not exist"
    )))
}

#[test]
fn a_name_is_taken_once() {
    let domain = domain();
    let taken = |name: &str| {
        Err(Fault::Duplicate(format!(
            "Customer group with name: {name}, already exists."
        )))
    };
    let name = "Größe, (1) \"x\"";
    let first = domain.create_group(named(name)).unwrap();
    assert_eq!(domain.create_group(named(name)), taken(name));
    let other = domain.create_group(named("größe")).unwrap();
    let rename = |id: &str| GroupUpdate {
        id: id.to_owned(),
        name: Some(name.to_owned()),
        ..GroupUpdate::default()
    };
    assert_eq!(domain.update_group(rename(&other.id)), taken(name));
    domain.delete_group(&first.id).unwrap();
    assert_eq!(
        domain.update_group(rename(&other.id)).unwrap().name,
        name,
        "a deleted group's name is free"
    );
}

#[test]
fn a_group_is_changed_and_deleted() {
    let domain = domain();
    let group = domain
        .create_group(NewGroup {
            metadata: Metadata::parse(r#"{"a":1}"#),
            ..named("VIP")
        })
        .unwrap();
    let change = GroupUpdate {
        id: group.id.clone(),
        metadata: Change::Set(Metadata::parse(r#"{"b":2}"#).unwrap()),
        ..GroupUpdate::default()
    };
    let changed = domain.update_group(change).unwrap();
    assert_eq!(changed.metadata, Metadata::parse(r#"{"a":1,"b":2}"#));
    domain.delete_group(&group.id).unwrap();
    domain.delete_group(&group.id).unwrap();
    assert_eq!(
        domain.retrieve_group(&group.id),
        Err(Fault::NotFound(format!(
            "Customer group with id: {} not found",
            group.id
        )))
    );
    assert_eq!(
        domain.store.take_events(),
        [
            (
                "customer.customer-group.created".to_owned(),
                group.id.clone()
            ),
            (
                "customer.customer-group.updated".to_owned(),
                group.id.clone()
            ),
            ("customer.customer-group.deleted".to_owned(), group.id),
        ]
    );
}

#[test]
fn customers_join_once_and_leave() {
    let domain = domain();
    let group = domain.create_group(named("VIP")).unwrap();
    let (ann, bob) = (made(&domain, "ann@b.co").id, made(&domain, "bob@b.co").id);
    let join = |ids: &[&String]| {
        let ids = ids.iter().map(|id| (*id).clone()).collect();
        domain.change_members(&group.id, ids, Vec::new(), Some("user_1".to_owned()))
    };
    assert_eq!(
        join(&[&bob, &ann]),
        Ok(group.clone()),
        "the group itself has not changed"
    );
    assert_eq!(join(&[&ann]), Ok(group.clone()));
    assert_eq!(members(&domain, &group), [bob.clone(), ann.clone()]);
    domain
        .change_members(
            &group.id,
            Vec::new(),
            vec![bob.clone(), "cus_no".to_owned()],
            None,
        )
        .unwrap();
    assert_eq!(members(&domain, &group), vec![ann.clone()]);
    let both = domain.change_members(&group.id, vec![ann.clone()], vec![ann.clone()], None);
    assert!(both.is_ok());
    assert_eq!(
        members(&domain, &group),
        vec![ann.clone()],
        "who leaves and joins is inside"
    );
    domain.delete_customer(&ann).unwrap();
    assert_eq!(members(&domain, &group), Vec::<String>::new());
}

#[test]
fn all_join_or_none() {
    let domain = domain();
    let group = domain.create_group(named("VIP")).unwrap();
    let ann = made(&domain, "ann@b.co").id;
    let ids = vec![ann.clone(), "cus_no".to_owned()];
    assert_eq!(
        domain.change_members(&group.id, ids, Vec::new(), None),
        no_end("customer_id", "cus_no")
    );
    assert_eq!(members(&domain, &group), Vec::<String>::new());
    let join = |group: &str| domain.change_members(group, vec![ann.clone()], Vec::new(), None);
    assert_eq!(
        join("cusgroup_no"),
        no_end("customer_group_id", "cusgroup_no")
    );
    domain.delete_group(&group.id).unwrap();
    assert_eq!(join(&group.id), no_end("customer_group_id", &group.id));
    assert_eq!(
        domain.change_members(&group.id, Vec::new(), vec![ann], None),
        Err(Fault::NotFound(format!(
            "Customer group with id \"{}\" not found",
            group.id
        )))
    );
}

#[test]
fn a_customer_joins_and_leaves_groups() {
    let domain = domain();
    let (one, two) = (
        domain.create_group(named("1")).unwrap(),
        domain.create_group(named("2")).unwrap(),
    );
    let ann = made(&domain, "ann@b.co");
    let change = |add: &[&Group], remove: &[&Group]| {
        let ids = |groups: &[&Group]| {
            groups
                .iter()
                .map(|group| group.id.clone())
                .collect::<Vec<_>>()
        };
        domain.change_groups(&ann.id, ids(add), ids(remove), None)
    };
    assert_eq!(change(&[&one, &two], &[]), Ok(ann.clone()));
    assert_eq!(change(&[], &[&one]), Ok(ann.clone()));
    assert_eq!(
        (members(&domain, &one), members(&domain, &two)),
        (Vec::new(), vec![ann.id.clone()])
    );
    domain.delete_group(&one.id).unwrap();
    assert_eq!(
        change(&[&one], &[&two]),
        no_end("customer_group_id", &one.id)
    );
    assert_eq!(
        members(&domain, &two),
        vec![ann.id.clone()],
        "nothing has changed"
    );
    assert_eq!(
        domain.change_groups("cus_no", vec![two.id], Vec::new(), None),
        no_end("customer_id", "cus_no")
    );
}

#[test]
fn the_groups_of_one_change_are_bounded_by_number_and_by_what_their_hooks_take() {
    let mut domain = domain();
    let ann = made(&domain, "ann@b.co");
    let leave = |domain: &Domain<_, _>, count: usize| {
        let groups = (0..count).map(|number| format!("cusgroup_{number}"));
        domain.change_groups(&ann.id, Vec::new(), groups.collect(), None)
    };
    assert_eq!(leave(&domain, GROUPS_MAX), Ok(ann.clone()));
    let said =
        "1001 groups of one customer are to change, and at most 1000 can: change them in parts";
    assert_eq!(
        leave(&domain, GROUPS_MAX + 1),
        Err(Fault::TooMuch(said.to_owned()))
    );
    domain.hooks_max = Duration::ZERO;
    assert_eq!(leave(&domain, 1), Ok(ann.clone()));
    let said = "extensions were asked about 1 of 2 groups in 0 ms, which is as long as they may take: change them \
                in parts";
    assert_eq!(leave(&domain, 2), Err(Fault::TooMuch(said.to_owned())));
}

#[test]
fn an_extension_may_refuse_a_member() {
    let domain = Domain::new(Memory::default(), Meddler, Compat::Document);
    let group = domain.create_group(named("VIP")).unwrap();
    let ann = made(&domain, "ann@b.co").id;
    assert_eq!(
        domain.change_members(&group.id, vec![ann], Vec::new(), None),
        Err(rejection("Full"))
    );
    assert_eq!(members(&domain, &group), Vec::<String>::new());
}
