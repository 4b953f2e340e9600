//! Plausible people for trying a shop out, none of them real: names
//! are drawn from lists, emails end in `example.com`, telephone numbers are of
//! the range that is kept for fiction.

use uuid::Uuid;
use wares_module_kit::clock;
use wares_module_kit::entity::Columns;
use wares_module_kit::filter::{BY_ID, Filter, Search};
use wares_module_kit::ids::new_at;
use wares_module_kit::records::Records;
use wares_module_kit::store::{StoreError, Stored, Transaction};

use crate::model::GROUP;
use crate::settings::EmailCase;
use crate::store::{Membership, Store, Writes};
use crate::types::{Address, Customer, Group};
use crate::{events, ids};

const FIRST_NAMES: [&str; 48] = [
    "Ada", "Amir", "Ana", "Anna", "Ben", "Chen", "Chloe", "Daniel", "David", "Elena", "Emil",
    "Emma", "Fatima", "Felix", "Freya", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jakob", "Jane",
    "Joao", "Jonas", "José", "Julia", "Kenji", "Lara", "Laura", "Leo", "Lina", "Luca", "Maja",
    "Maria", "Mateo", "Mia", "Nadia", "Noah", "Nora", "Olga", "Omar", "Priya", "Rosa", "Samuel",
    "Sofia", "Tom", "Yara", "Zoë",
];

const LAST_NAMES: [&str; 48] = [
    "Adams", "Andersen", "Bauer", "Berg", "Brown", "Castro", "Chen", "Costa", "Dubois", "Evans",
    "Ferrari", "Fischer", "Garcia", "Haddad", "Hansen", "Hoffmann", "Horvat", "Ito", "Jansen",
    "Johnson", "Khan", "Kim", "Klein", "Kowalski", "Larsen", "Lee", "Lopez", "Martin", "Meyer",
    "Müller", "Nguyen", "Novak", "O'Brien", "Okafor", "Patel", "Petrov", "Popescu", "Rossi",
    "Sato", "Schmidt", "Silva", "Singh", "Smith", "Tanaka", "Taylor", "Virtanen", "Weber",
    "Wilson",
];

const COMPANIES: [&str; 12] = [
    "Acme",
    "Bluebird Books",
    "Cobalt Works",
    "Delta Foods",
    "Evergreen",
    "Foxglove",
    "Granite & Co",
    "Harbour Tea",
    "Ironwood",
    "Juniper",
    "Kite Studio",
    "Lighthouse",
];

const STREETS: [&str; 12] = [
    "Main Street",
    "Oak Avenue",
    "Mill Lane",
    "Station Road",
    "Garden Street",
    "High Street",
    "Lake Road",
    "Park Avenue",
    "River Street",
    "School Lane",
    "Hill Road",
    "Church Street",
];

/// City, province, the first digits of a postal code, country.
const CITIES: [(&str, &str, &str, &str); 16] = [
    ("New York", "NY", "100", "us"),
    ("Los Angeles", "CA", "900", "us"),
    ("Chicago", "IL", "606", "us"),
    ("Berlin", "BE", "101", "de"),
    ("Hamburg", "HH", "200", "de"),
    ("München", "BY", "803", "de"),
    ("Paris", "IDF", "750", "fr"),
    ("Lyon", "ARA", "690", "fr"),
    ("Madrid", "MD", "280", "es"),
    ("Milano", "MI", "201", "it"),
    ("Wien", "W", "10", "at"),
    ("Zürich", "ZH", "80", "ch"),
    ("København", "H", "10", "dk"),
    ("Warszawa", "MZ", "00", "pl"),
    ("Tokyo", "13", "100", "jp"),
    ("São Paulo", "SP", "010", "br"),
];

const GROUPS: [&str; 12] = [
    "Retail",
    "Wholesale",
    "VIP",
    "Newsletter",
    "Beta testers",
    "Press",
    "Employees",
    "Students",
    "Resellers",
    "Early birds",
    "Loyal since 2020",
    "Local pickup",
];

/// How far back people were made.
const PAST_MS: u64 = 2 * 365 * 24 * 60 * 60 * 1_000;

/// Numbers that need not be secret: SplitMix64.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        Self(high ^ low)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}

/// Adds so many customers, with what they bring along, in one transaction.
///
/// # Errors
/// When the store cannot serve.
pub fn sow_customers(store: &impl Store, count: u32, emails: EmailCase) -> Stored<()> {
    let mut dice = Dice::new();
    let now = clock::unix_ms();
    let existing = existing_groups(store)?;
    let transaction = store.begin()?;
    let groups = groups(&transaction, existing, now)?;
    for _ in 0..count {
        let made = now - dice.below(PAST_MS);
        let customer = customer(&mut dice, made);
        transaction.insert_customer(&customer, emails)?;
        transaction.emit(events::CUSTOMER_CREATED, &customer.id)?;
        for index in 0..dice.below(4) {
            let address = address(&mut dice, &customer, made + index, index == 0);
            transaction.insert_address(&address)?;
            transaction.emit(events::ADDRESS_CREATED, &address.id)?;
        }
        let first = dice.below(GROUPS.len() as u64) as usize;
        for step in 0..dice.below(3) as usize {
            let Some(group_id) = groups.get((first + step * 5) % GROUPS.len()) else {
                continue;
            };
            let membership = Membership {
                id: new_at(ids::MEMBERSHIP, made),
                customer_id: customer.id.clone(),
                group_id: group_id.clone(),
                created_by: None,
                created_at: clock::at(made),
            };
            transaction.insert_membership(&membership)?;
            transaction.emit(events::MEMBERSHIP_CREATED, &membership.id)?;
        }
    }
    transaction.commit()
}

fn existing_groups(store: &impl Store) -> Stored<Records> {
    let names = GROUPS.iter().map(|name| (*name).to_owned()).collect();
    let filter = Filter::In(GROUP.index_of("name").unwrap_or_default(), names);
    let search = Search {
        filter,
        order: BY_ID,
        offset: 0,
        limit: GROUPS.len() as u64,
    };
    Ok(store.search(&GROUP, &search, Columns::ALL)?.records)
}

/// The ids of the groups; those that are not there yet are made.
fn groups(transaction: &impl Writes, existing: Records, now: u64) -> Stored<Vec<String>> {
    let existing: Vec<Group> = (0..existing.len())
        .map(|row| Group::read(&existing, row))
        .collect();
    let mut groups = Vec::with_capacity(GROUPS.len());
    for name in GROUPS {
        if let Some(group) = existing.iter().find(|group| group.name == name) {
            groups.push(group.id.clone());
            continue;
        }
        let made = now - PAST_MS;
        let group = Group {
            id: new_at(ids::GROUP, made),
            name: name.to_owned(),
            created_at: clock::at(made),
            updated_at: clock::at(made),
            ..Group::default()
        };
        match transaction.insert_group(&group) {
            Ok(()) => transaction.emit(events::GROUP_CREATED, &group.id)?,
            // Another call created it in between: this time without it.
            Err(StoreError::Duplicate) => continue,
            Err(error) => return Err(error),
        }
        groups.push(group.id);
    }
    Ok(groups)
}

fn customer(dice: &mut Dice, made: u64) -> Customer {
    let (first, last) = (dice.pick(&FIRST_NAMES), dice.pick(&LAST_NAMES));
    let id = new_at(ids::CUSTOMER, made);
    let local: String = format!("{first}.{last}")
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            'é' | 'ë' => Some('e'),
            'ü' => Some('u'),
            '.' => Some('.'),
            letter => letter.is_ascii_alphanumeric().then_some(letter),
        })
        .collect();
    // The end of the id is chance: no two people get the same email.
    let email = format!("{local}.{}@example.com", id[id.len() - 12..].to_lowercase());
    Customer {
        company_name: (dice.below(4) == 0).then(|| dice.pick(&COMPANIES).to_owned()),
        first_name: Some(first.to_owned()),
        last_name: Some(last.to_owned()),
        email: Some(email),
        phone: (dice.below(3) > 0)
            .then(|| format!("+1{}555{:04}", 201 + dice.below(700), 100 + dice.below(100))),
        has_account: dice.below(2) == 0,
        created_at: clock::at(made),
        updated_at: clock::at(made),
        id,
        ..Customer::default()
    }
}

fn address(dice: &mut Dice, customer: &Customer, made: u64, is_first: bool) -> Address {
    let (city, province, postal, country) = dice.pick(&CITIES);
    Address {
        id: new_at(ids::ADDRESS, made),
        customer_id: customer.id.clone(),
        address_name: Some(if is_first { "Home" } else { "Other" }.to_owned()),
        is_default_shipping: is_first,
        is_default_billing: is_first,
        company: customer.company_name.clone(),
        first_name: customer.first_name.clone(),
        last_name: customer.last_name.clone(),
        address_1: Some(format!("{} {}", 1 + dice.below(200), dice.pick(&STREETS))),
        address_2: (dice.below(4) == 0).then(|| format!("Apt {}", 1 + dice.below(60))),
        city: Some(city.to_owned()),
        province: Some(province.to_owned()),
        postal_code: Some(format!("{postal}{:02}", dice.below(100))),
        country_code: Some(country.to_owned()),
        phone: customer.phone.clone(),
        created_at: clock::at(made),
        updated_at: clock::at(made),
        ..Address::default()
    }
}
