//! The contracts from version to version: a later one of the same major number
//! has all of an earlier one, unchanged, and what was frozen stays as it was.
//! Never judges what a function does: the frozen modules test that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::{
    Function, FunctionKind, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId,
    TypeOwner, WorldItem, WorldKey,
};

use crate::harness::root;

/// Everything that a package promises: what it is called, and its shape as
/// text, in which a version is no more than what it is compatible with.
type Promises = BTreeMap<String, String>;

/// The folders of packages in a folder.
fn packages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir() && path.file_name().is_some_and(|name| name != "deps"));
    folders.sort();
    folders
}

/// All packages of `wit/`, in whatever order they need each other.
pub fn resolve() -> Resolve {
    let wit = root().join("wit");
    let mut waiting = packages(&wit.join("deps"));
    waiting.extend(packages(&wit));
    let mut resolve = Resolve::default();
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|folder| {
            // One that fails leaves its traces.
            let mut attempt = resolve.clone();
            let pushed = attempt.push_dir(folder).is_ok();
            if pushed {
                resolve = attempt;
            }
            !pushed
        });
        assert!(waiting.len() < before, "no packages of WIT: {waiting:?}");
    }
    resolve
}

/// The faults of every package in `resolve` against every earlier version of it
/// that it has to be compatible with, and which packages were compared.
fn compare_all(resolve: &Resolve) -> (Vec<String>, Vec<String>) {
    let (mut compared, mut faults) = (Vec::new(), Vec::new());
    for (newer, package) in resolve.packages.iter() {
        for (older, other) in resolve.packages.iter() {
            if other.name.version < package.name.version
                && package_name(resolve, older) == package_name(resolve, newer)
            {
                compared.push(format!("{} {}", other.name, package.name));
                faults.extend(compare(
                    &promises(resolve, older),
                    &promises(resolve, newer),
                ));
            }
        }
    }
    compared.sort();
    (compared, faults)
}

/// The parts of `older` that are changed or missing in `newer`.
fn compare(older: &Promises, newer: &Promises) -> Vec<String> {
    let fault = |(name, shape): (&String, &String)| match newer.get(name) {
        None => Some(format!("{name} is gone")),
        Some(now) if now != shape => Some(format!("{name} was {shape}, and is {now}")),
        Some(_) => None,
    };
    older.iter().filter_map(fault).collect()
}

fn promises(resolve: &Resolve, package: PackageId) -> Promises {
    let package = &resolve.packages[package];
    let mut promises = Promises::new();
    for (name, id) in &package.interfaces {
        promises.insert(format!("interface {name}"), String::new());
        promise_interface(resolve, *id, name, &mut promises);
    }
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        promises.insert(format!("world {name}"), String::new());
        for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in items {
                let called = match key {
                    WorldKey::Name(key) => key.clone(),
                    WorldKey::Interface(id) => interface_name(resolve, *id),
                };
                let called = format!("{name}: {direction} {called}");
                let shape = match item {
                    WorldItem::Function(function) => function_shape(resolve, function),
                    WorldItem::Type { id, .. } => definition(resolve, *id),
                    WorldItem::Interface { id, .. } => {
                        if let WorldKey::Name(_) = key {
                            promise_interface(resolve, *id, &called, &mut promises);
                        }
                        String::new()
                    }
                };
                promises.insert(called, shape);
            }
        }
    }
    promises
}

fn promise_interface(
    resolve: &Resolve,
    interface: InterfaceId,
    name: &str,
    promises: &mut Promises,
) {
    let interface = &resolve.interfaces[interface];
    for (key, id) in &interface.types {
        promises.insert(format!("type {name}.{key}"), definition(resolve, *id));
    }
    for (key, function) in &interface.functions {
        let shape = function_shape(resolve, function);
        promises.insert(format!("function {name}.{key}"), shape);
    }
}

fn function_shape(resolve: &Resolve, function: &Function) -> String {
    use FunctionKind::{AsyncFreestanding, AsyncMethod, AsyncStatic};
    let asynchronous = matches!(
        function.kind,
        AsyncFreestanding | AsyncMethod(_) | AsyncStatic(_)
    );
    let parameters: Vec<String> = function
        .params
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, shape(resolve, &parameter.ty)))
        .collect();
    format!(
        "{}func({}) -> {}",
        if asynchronous { "async " } else { "" },
        parameters.join(", "),
        optional(resolve, function.result.as_ref())
    )
}

/// A type where it is used: by its name, if it has one.
fn shape(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return format!("{ty:?}").to_lowercase();
    };
    let definition_of = &resolve.types[*id];
    match (&definition_of.name, &definition_of.kind) {
        (_, TypeDefKind::Type(other)) => shape(resolve, other),
        (None, _) => definition(resolve, *id),
        (Some(name), _) => match definition_of.owner {
            TypeOwner::Interface(owner) => format!("{}.{name}", interface_name(resolve, owner)),
            TypeOwner::World(_) | TypeOwner::None => name.clone(),
        },
    }
}

/// A type where it is made: all that it consists of.
fn definition(resolve: &Resolve, id: TypeId) -> String {
    let of = |ty: &Type| shape(resolve, ty);
    let maybe = |ty: &Option<Type>| optional(resolve, ty.as_ref());
    let kind = &resolve.types[id].kind;
    let parts: Vec<String> = match kind {
        TypeDefKind::Type(ty) => return of(ty),
        TypeDefKind::Record(record) => record
            .fields
            .iter()
            .map(|field| format!("{}: {}", field.name, of(&field.ty)))
            .collect(),
        TypeDefKind::Variant(variant) => variant
            .cases
            .iter()
            .map(|case| format!("{}({})", case.name, maybe(&case.ty)))
            .collect(),
        TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| case.name.clone()).collect(),
        TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| flag.name.clone()).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().map(of).collect(),
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) => vec![of(ty)],
        TypeDefKind::FixedLengthList(ty, length) => vec![of(ty), length.to_string()],
        TypeDefKind::Map(key, value) => vec![of(key), of(value)],
        TypeDefKind::Result(result) => vec![maybe(&result.ok), maybe(&result.err)],
        TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => vec![maybe(ty)],
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => vec![of(&Type::Id(*id))],
        TypeDefKind::Resource | TypeDefKind::Unknown => Vec::new(),
    };
    format!("{}<{}>", kind.as_str(), parts.join(", "))
}

fn optional(resolve: &Resolve, ty: Option<&Type>) -> String {
    ty.map_or_else(|| "_".to_owned(), |ty| shape(resolve, ty))
}

fn interface_name(resolve: &Resolve, id: InterfaceId) -> String {
    let interface = &resolve.interfaces[id];
    let package = interface
        .package
        .map(|package| package_name(resolve, package));
    format!(
        "{}/{}",
        package.unwrap_or_default(),
        interface.name.as_deref().unwrap_or_default()
    )
}

/// A package's name with what all versions that are compatible have in common.
fn package_name(resolve: &Resolve, id: PackageId) -> String {
    let name = &resolve.packages[id].name;
    let version = name.version.as_ref().map_or_else(String::new, |version| {
        match (version.major, version.minor) {
            _ if !version.pre.is_empty() => format!("@{version}"),
            (0, 0) => format!("@{version}"),
            (0, minor) => format!("@0.{minor}"),
            (major, _) => format!("@{major}"),
        }
    });
    format!("{}:{}{version}", name.namespace, name.name)
}

#[test]
fn a_later_version_has_all_of_an_earlier_one_unchanged() {
    let (compared, faults) = compare_all(&resolve());
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        compared,
        [
            "wares:customer@2.0.0 wares:customer@2.1.0",
            "wares:module@1.0.0 wares:module@1.1.0",
            "wares:module@2.0.0 wares:module@2.1.0",
            "wares:module@2.0.0 wares:module@2.2.0",
            "wares:module@2.1.0 wares:module@2.2.0",
            "wares:platform@1.0.0 wares:platform@1.1.0",
            "wares:platform@1.0.0 wares:platform@1.2.0",
            "wares:platform@1.0.0 wares:platform@1.3.0",
            "wares:platform@1.1.0 wares:platform@1.2.0",
            "wares:platform@1.1.0 wares:platform@1.3.0",
            "wares:platform@1.2.0 wares:platform@1.3.0"
        ]
    );
}

#[test]
fn a_folder_is_named_after_its_package() {
    for folder in packages(&root().join("wit")) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            let first = text.lines().next().unwrap();
            assert_eq!(first, format!("package wares:{name};"), "{file:?}");
        }
    }
}

/// All files below a folder, and what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    fn add(folder: &Path, below: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, below, found);
            } else {
                let name = path.strip_prefix(below).unwrap().to_owned();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    add(folder, folder, &mut found);
    found
}

#[test]
fn the_contracts_that_a_kept_module_was_built_against_are_as_they_were() {
    for fixture in packages(&root().join("tests/fixtures")) {
        let kept = fixture.join("wit");
        let mut folders = packages(&kept);
        // Others beside them are younger.
        folders.extend(packages(&kept.join("deps")));
        for folder in folders {
            let of_today = root().join("wit").join(folder.strip_prefix(&kept).unwrap());
            let (was, is) = (files(&folder), files(&of_today));
            assert!(was.keys().eq(is.keys()), "{folder:?}");
            for (name, text) in was {
                assert!(is[&name] == text, "{name:?} of {of_today:?} has changed");
            }
        }
    }
}

const OLDER: &str = "
    package shop:things@1.0.0;

    interface things {
        enum colour { red, blue }
        flags marks { sold, old }
        record size { width: u32, height: option<u32> }
        variant failure { missing, other(string) }
        resource box {
            open: func() -> list<size>;
        }
        find: func(name: string, colour: colour) -> result<size, failure>;
        count: func() -> u64;
    }

    interface users {
        use things.{size};
        fits: func(size: size) -> bool;
    }

    world shop {
        import users;
        export things;
        export name: func() -> string;
    }
";

/// The faults of a package that is `OLDER` with some changes.
fn faults_with(changes: &[(&str, &str)]) -> Vec<String> {
    let mut newer = OLDER.replace("@1.0.0", "@1.1.0");
    for (from, to) in changes {
        assert!(newer.contains(from), "{from}");
        newer = newer.replace(from, to);
    }
    let mut resolve = Resolve::default();
    resolve.push_str("older.wit", OLDER).unwrap();
    resolve.push_str("newer.wit", &newer).unwrap();
    let (compared, faults) = compare_all(&resolve);
    // A later major version owes nothing.
    let expected = usize::from(!newer.contains("@2.0.0"));
    assert_eq!(compared.len(), expected);
    faults
}

#[test]
fn an_addition_breaks_nothing() {
    let additions = [
        ("count: func", "first: func() -> size; count: func"),
        ("enum colour", "enum taste { sweet } enum colour"),
        (
            "interface users",
            "interface more { all: func(); } interface users",
        ),
        ("import users;", "import users; import more;"),
        (
            "export things;",
            "export things; export more; export age: func() -> u8;",
        ),
        ("open: func", "shut: func(); open: func"),
    ];
    assert_eq!(faults_with(&[]), Vec::<String>::new());
    assert_eq!(faults_with(&additions), Vec::<String>::new());
    let other = [("@1.1.0", "@2.0.0"), ("count: func() -> u64;", "")];
    assert_eq!(faults_with(&other), Vec::<String>::new());
}

/// Texts of `OLDER`, their replacements, and the reported faults.
const CHANGES: [(&str, &str, &str); 15] = [
    ("count: func() -> u64;", "", "function things.count is gone"),
    (
        "count: func() -> u64",
        "count: func() -> u32",
        "function things.count was func() -> u64, and is func() -> u32",
    ),
    (
        "count: func()",
        "count: async func()",
        "function things.count was func() -> u64, and is async func() -> u64",
    ),
    (
        "find: func(name: string",
        "find: func(name: list<string>",
        "function things.find was func(name: string, colour: shop:things@1/things.colour) -> result<shop:things@1/things.size, shop:things@1/things.failure>, and is func(name: list<string>, colour: shop:things@1/things.colour) -> result<shop:things@1/things.size, shop:things@1/things.failure>",
    ),
    (
        "fits: func(size: size)",
        "fits: func(size: size, tight: bool)",
        "function users.fits was func(size: shop:things@1/things.size) -> bool, and is func(size: shop:things@1/things.size, tight: bool) -> bool",
    ),
    (
        "fits: func(size: size)",
        "fits: func(of: size)",
        "function users.fits was func(size: shop:things@1/things.size) -> bool, and is func(of: shop:things@1/things.size) -> bool",
    ),
    (
        "height: option<u32>",
        "height: option<u32>, depth: u32",
        "type things.size was record<width: u32, height: option<u32>>, and is record<width: u32, height: option<u32>, depth: u32>",
    ),
    (
        "width: u32, height: option<u32>",
        "height: option<u32>, width: u32",
        "type things.size was record<width: u32, height: option<u32>>, and is record<height: option<u32>, width: u32>",
    ),
    (
        "red, blue",
        "red, blue, green",
        "type things.colour was enum<red, blue>, and is enum<red, blue, green>",
    ),
    (
        "sold, old",
        "sold",
        "type things.marks was flags<sold, old>, and is flags<sold>",
    ),
    (
        "missing, other(string)",
        "missing, other",
        "type things.failure was variant<missing(_), other(string)>, and is variant<missing(_), other(_)>",
    ),
    ("flags marks { sold, old }", "", "type things.marks is gone"),
    (
        "open: func() -> list<size>",
        "open: static func() -> list<size>",
        "function things.[method]box.open is gone",
    ),
    (
        "export name: func() -> string;",
        "",
        "shop: export name is gone",
    ),
    (
        "export name: func() -> string;",
        "export name: func() -> char;",
        "shop: export name was func() -> string, and is func() -> char",
    ),
];

#[test]
fn a_change_or_removal_is_found() {
    for (from, to, fault) in CHANGES {
        assert_eq!(faults_with(&[(from, to)]), [fault], "{from} {to}");
    }
    // Under another name it is another.
    assert_eq!(
        faults_with(&[("marks", "signs")]),
        ["type things.marks is gone"]
    );
    // What `users` needs of `things` is imported with it.
    assert_eq!(
        faults_with(&[("import users;", "")]),
        [
            "shop: import shop:things@1/things is gone",
            "shop: import shop:things@1/users is gone",
        ]
    );
}
