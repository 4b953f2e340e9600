//! Texts and emails without regard to case, over databases that earlier versions wrote.

use wares_module_kit::change::Change;
use wares_module_kit::fault::Fault;

use super::native::Native;
use super::*;
use crate::types::CustomerUpdate;

type Shop = Domain<SqlStore<Native>, NoHooks>;

fn shop(native: Native, emails: EmailCase) -> Shop {
    Domain::new(SqlStore(native), NoHooks, Compat::Medusa2).with_email_case(emails)
}

/// The same database under the other choice.
fn under(shop: Shop, emails: EmailCase) -> Shop {
    shop.with_email_case(emails)
}

fn found(shop: &Shop, entity: &'static Entity, filter: Filter) -> Vec<String> {
    let search = Search {
        filter,
        order: BY_ID,
        offset: 0,
        limit: 15,
    };
    let page = shop.search(entity, &search, Columns::ALL).unwrap();
    shown(&page, name_column(entity)).0
}

/// Rows as the version before `casefold` wrote them: lower case, without later columns.
const INSERT_BEFORE: &str = "
    insert into customer (id, first_name, email, created_at, updated_at, search_text)
    values (?1, ?2, ?3, '2026', '2026', ?4)";

fn insert_before(native: &Native, id: &str, name: &str, email: &str) {
    let words = format!("{name}\n{email}").to_lowercase();
    native
        .sqlite
        .execute(INSERT_BEFORE, [id, name, email, &words])
        .unwrap();
}

#[test]
fn rows_of_an_earlier_version_are_found_folded_before_and_after_the_migration() {
    let native = Native::empty();
    native.migrate(&MIGRATIONS[..1]);
    insert_before(&native, "cus_1", "Straße", "one@b.co");
    insert_before(&native, "cus_2", "İsmail", "two@b.co");
    insert_before(&native, "cus_3", "Plain", "three@b.co");
    native
        .sqlite
        .execute_batch(
            "insert into customer_group (id, name, created_at, updated_at, search_text)
             values ('cusgroup_1', 'Großkunden', '2026', '2026', 'großkunden');
             insert into customer_address (id, customer_id, city, created_at, updated_at, search_text)
             values ('cuaddr_1', 'cus_1', 'Gießen', '2026', '2026', 'gießen')",
        )
        .unwrap();
    native.migrate(&MIGRATIONS[1..]);
    // The version before may go on beside this one.
    insert_before(&native, "cus_4", "Weiß", "four@b.co");
    insert_before(&native, "cus_5", "Later", "five@b.co");
    native
        .sqlite
        .execute_batch(
            "update customer set first_name = 'Groß', search_text = 'groß' || char(10) || 'five@b.co'
             where id = 'cus_5';
             update customer_group set name = 'Straßen', search_text = 'straßen';
             update customer_address set city = 'Meißen', search_text = 'meißen'",
        )
        .unwrap();
    let shop = shop(native, EmailCase::Distinct);
    for (q, emails) in [
        ("STRASSE", vec!["one@b.co"]),
        ("ismail", vec!["two@b.co"]),
        ("plain", vec!["three@b.co"]),
        ("weiss", vec!["four@b.co"]),
        ("gross", vec!["five@b.co"]),
        // By a condition, without the index.
        ("ss", vec!["one@b.co", "four@b.co", "five@b.co"]),
        ("later", vec![]),
    ] {
        assert_eq!(found(&shop, &CUSTOMER, Filter::words(q)), emails, "{q}");
    }
    assert_eq!(found(&shop, &GROUP, Filter::words("STRASSEN")), ["Straßen"]);
    assert_eq!(found(&shop, &ADDRESS, Filter::words("MEISSEN")), ["Meißen"]);
    // The index and the table agree.
    shop.store
        .0
        .sqlite
        .execute_batch(
            "insert into customer_words (customer_words, rank) values ('integrity-check', 1)",
        )
        .unwrap();
}

fn create(shop: &Shop, email: &str) -> Result<String, Fault> {
    shop.create_customer(guest(email))
        .map(|customer| customer.id)
}

fn taken<T>(email: &str) -> Result<T, Fault> {
    Err(Fault::Duplicate(format!(
        "Customer with email: {email}, has_account: false, already exists. Upper and lower case are the same here."
    )))
}

fn rename(shop: &Shop, id: &str, email: &str) -> Result<(), Fault> {
    shop.update_customer(CustomerUpdate {
        id: id.to_owned(),
        email: Change::Set(email.to_owned()),
        ..CustomerUpdate::default()
    })
    .map(drop)
}

fn call(shop: &Shop, id: &str, first_name: &str) -> Result<(), Fault> {
    shop.update_customer(CustomerUpdate {
        id: id.to_owned(),
        first_name: Change::Set(first_name.to_owned()),
        ..CustomerUpdate::default()
    })
    .map(drop)
}

#[test]
fn an_email_is_taken_in_any_case_where_case_is_ignored() {
    let shop = shop(Native::new(), EmailCase::Ignored);
    let ann = create(&shop, "Ann@b.co").unwrap();
    let bob = create(&shop, "bob@b.co").unwrap();
    assert_eq!(create(&shop, "ann@b.co"), taken("ann@b.co"));
    assert_eq!(create(&shop, "BOB@B.CO"), taken("BOB@B.CO"));
    assert_eq!(rename(&shop, &bob, "aNN@b.co"), taken("aNN@b.co"));
    // One's own may be written otherwise, and stays one's own.
    rename(&shop, &ann, "ANN@b.co").unwrap();
    assert_eq!(create(&shop, "ann@b.co"), taken("ann@b.co"));
    // An account has an email of its own, as elsewhere.
    let account = || NewCustomer {
        has_account: true,
        ..guest("ann@B.co")
    };
    shop.create_customer(account()).unwrap();
    assert_eq!(
        shop.create_customer(account()).map(drop),
        Err(Fault::Duplicate(
            "Customer with email: ann@B.co, has_account: true, already exists. \
             Upper and lower case are the same here."
                .to_owned()
        ))
    );
    // A deleted customer has no email.
    shop.delete_customer(&ann).unwrap();
    let ann = create(&shop, "ann@b.co").unwrap();
    rename(&shop, &ann, "other@b.co").unwrap();
    create(&shop, "aNn@b.co").unwrap();
}

#[test]
fn customers_from_before_the_setting_keep_their_emails_and_no_other_takes_them() {
    let shop = shop(Native::new(), EmailCase::Distinct);
    let ann = create(&shop, "Ann@b.co").unwrap();
    let other = create(&shop, "ann@b.co").unwrap();
    let bob = create(&shop, "Bob@b.co").unwrap();
    let shop = under(shop, EmailCase::Ignored);
    assert_eq!(create(&shop, "ANN@b.co"), taken("ANN@b.co"));
    assert_eq!(create(&shop, "bob@b.co"), taken("bob@b.co"));
    assert_eq!(rename(&shop, &bob, "aNN@b.co"), taken("aNN@b.co"));
    // Both may change in all else, and one of them moves on.
    call(&shop, &ann, "Ann").unwrap();
    call(&shop, &other, "Ann").unwrap();
    rename(&shop, &other, "annie@b.co").unwrap();
    assert_eq!(rename(&shop, &other, "ann@b.co"), taken("ann@b.co"));
    assert_eq!(create(&shop, "ANN@b.co"), taken("ANN@b.co"));
    // There and back again.
    let shop = under(shop, EmailCase::Distinct);
    let bobby = create(&shop, "bob@b.co").unwrap();
    rename(&shop, &ann, "ANNIE@b.co").unwrap();
    let shop = under(shop, EmailCase::Ignored);
    assert_eq!(create(&shop, "BOB@b.co"), taken("BOB@b.co"));
    assert_eq!(create(&shop, "Annie@b.co"), taken("Annie@b.co"));
    create(&shop, "Ann@b.co").unwrap();
    call(&shop, &bob, "Bob").unwrap();
    shop.delete_customer(&bob).unwrap();
    assert_eq!(create(&shop, "BOB@b.co"), taken("BOB@b.co"));
    shop.delete_customer(&bobby).unwrap();
    create(&shop, "BOB@b.co").unwrap();
}

#[test]
fn emails_are_found_in_any_case_where_case_is_ignored() {
    let shop = shop(Native::new(), EmailCase::Distinct);
    for email in ["Ann@b.co", "ann@b.co", "bob@b.co"] {
        create(&shop, email).unwrap();
    }
    let is = |email: &str| Filter::Compare(4, Comparison::Equal, email.to_owned());
    let any = || Filter::Any(vec![is("ANN@b.co"), is("BOB@b.co")]);
    let among = || Filter::In(4, vec!["ANN@b.co".to_owned(), "bob@b.co".to_owned()]);
    let no = || Filter::Compare(4, Comparison::NotEqual, "ANN@b.co".to_owned());
    let none = || Filter::NotIn(4, vec!["bob@B.co".to_owned()]);
    let customers = &CUSTOMER;
    assert_eq!(found(&shop, customers, is("ann@b.co")), ["ann@b.co"]);
    assert_eq!(found(&shop, customers, any()), Vec::<String>::new());
    assert_eq!(found(&shop, customers, among()), ["bob@b.co"]);
    assert_eq!(found(&shop, customers, no()).len(), 3);
    let shop = under(shop, EmailCase::Ignored);
    assert_eq!(
        found(&shop, customers, is("ann@b.co")),
        ["Ann@b.co", "ann@b.co"]
    );
    assert_eq!(found(&shop, customers, any()).len(), 3);
    assert_eq!(found(&shop, customers, among()).len(), 3);
    assert_eq!(found(&shop, customers, no()), ["bob@b.co"]);
    assert_eq!(found(&shop, customers, none()), ["Ann@b.co", "ann@b.co"]);
}

/// The rules come to the same over the store in memory.
#[test]
fn the_store_in_memory_takes_emails_as_the_database_does() {
    fn run<S: Store>(shop: Domain<S, NoHooks>) -> Vec<bool> {
        let mut outcomes = Vec::new();
        let mut ids: Vec<String> = Vec::new();
        let mut shop = shop;
        for emails in [
            EmailCase::Distinct,
            EmailCase::Ignored,
            EmailCase::Distinct,
            EmailCase::Ignored,
        ] {
            shop = shop.with_email_case(emails);
            for email in ["Ann@b.co", "ann@b.co", "bob@b.co", "BOB@b.co", "Cy@b.co"] {
                let made = shop.create_customer(guest(email));
                outcomes.push(made.is_ok());
                ids.extend(made.map(|customer| customer.id));
            }
            let _ = shop.delete_customer(ids.first().map_or("", String::as_str));
        }
        for (index, id) in ids.iter().enumerate() {
            let change = |email: &str| {
                shop.update_customer(CustomerUpdate {
                    id: id.clone(),
                    email: Change::Set(email.to_owned()),
                    ..CustomerUpdate::default()
                })
                .is_ok()
            };
            outcomes.push(change("ANN@B.CO"));
            outcomes.push(change(&format!("new{}@b.co", index / 2)));
        }
        outcomes
    }
    let domain = |store| Domain::new(store, NoHooks, Compat::Medusa2);
    let memory = Domain::new(Memory::default(), NoHooks, Compat::Medusa2);
    let outcomes = run(domain(SqlStore(Native::new())));
    assert!(outcomes.contains(&true) && outcomes.contains(&false));
    assert_eq!(outcomes, run(memory));
}
