//! Settings from all their sources, and the documents that name them.

use std::path::{Path, PathBuf};
use tracing::level_filters::LevelFilter;

use tempfile::TempDir;

use super::*;

/// Settings from a file with this text, an environment and flags.
fn load(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Settings, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("wares.toml");
    // A file of its own even where nothing stands in it: not the one of the working directory.
    std::fs::write(&path, file.unwrap_or_default()).unwrap();
    let pairs = |pairs: &[(&str, &str)]| {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    };
    let sources = Sources {
        file: Some(path.clone()),
        environment: pairs(environment),
        flags: pairs(flags),
    };
    Settings::load(&sources).map_err(|error| {
        let shown = path.display().to_string();
        error.to_string().replace(&shown, "wares.toml")
    })
}

fn refuse(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)], said: &str) {
    assert_eq!(
        load(Some(file), environment, flags).err().as_deref(),
        Some(said)
    );
}

#[test]
fn a_setting_has_a_default() {
    let config = load(None, &[], &[]).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:9000");
    assert_eq!(config.http.body_bytes_max, 102_400);
    assert_eq!(config.limits.call.memory_bytes_max, 64 * 1024 * 1024);
    assert!(!config.http.trust_forwarded && config.http.origins.is_empty());
    assert!(config.modules.is_empty());
}

#[test]
fn a_flag_weighs_more_than_the_environment_and_that_more_than_the_file() {
    let file = Some("[server]\nlisten = \":1\"\ndrain_ms = 1\nbody_bytes_max = \"1 KiB\"");
    let environment = [
        ("WARES_SERVER_LISTEN", ":2"),
        ("WARES_SERVER_DRAIN_MS", "2"),
        ("OTHER", "x"),
    ];
    let flags = [("server.listen", ":3")];
    let settings = load(file, &environment, &flags).unwrap();
    let server = &settings.server;
    assert_eq!(
        (
            server.listen.as_str(),
            server.limits.drain.as_millis(),
            settings.http.body_bytes_max
        ),
        (":3", 2, 1024)
    );
    let flags = [("server.listen", ":3"), ("server.listen", ":4")];
    assert_eq!(
        load(file, &environment, &flags).unwrap().server.listen,
        ":4"
    );
}

#[test]
fn values_are_read_as_their_key_wants_them() {
    let file = "[server]\ntrust_forwarded = true\n[cors]\norigins = [\"https://a.example\", \"http://b.example:8080\"]";
    let config = load(Some(file), &[], &[]).unwrap();
    assert!(config.http.trust_forwarded);
    assert_eq!(
        config.http.origins,
        ["https://a.example", "http://b.example:8080"]
    );
    let flags = [
        ("cors.origins", "https://a.example, https://b.example"),
        ("server.trust_forwarded", "true"),
    ];
    let config = load(None, &[], &flags).unwrap();
    assert_eq!(
        config.http.origins,
        ["https://a.example", "https://b.example"]
    );
    for (size, bytes) in [
        ("4096", 4096),
        ("\"2 KiB\"", 2048),
        ("\"1MiB\"", 1 << 20),
        ("\"1 GiB\"", 1 << 30),
    ] {
        let file = format!("limits.log_bytes_max = {size}");
        let config = load(Some(&file), &[], &[]).unwrap();
        assert_eq!(config.limits.call.capabilities.logging.bytes_max, bytes);
    }
}

#[test]
fn a_module_has_the_limits_of_all_but_for_its_own() {
    let file = "
        [limits]
        deadline_ms = 10
        host_calls_max = 20
        [modules.shop]
        component = \"shop.wasm\"
        [modules.shop.limits]
        deadline_ms = 30
        [modules.shop.config]
        compat = \"x\"
        number = 5
        flag = true";
    let config = load(
        Some(file),
        &[("WARES_MODULES_SHOP_LIMITS_LOG_LINES_MAX", "40")],
        &[],
    )
    .unwrap();
    let own = config.limits_of("shop");
    assert_eq!(
        (
            own.call.deadline_ms,
            own.call.host_calls_max,
            own.call.capabilities.logging.lines_max
        ),
        (30, 20, 40)
    );
    assert_eq!(config.limits_of("other").call.deadline_ms, 10);
    let module = &config.modules["shop"];
    let mut settings = module.config.clone();
    settings.sort();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        settings,
        [
            pair("compat", "x"),
            pair("flag", "true"),
            pair("number", "5")
        ]
    );
    let component = module.component.as_deref().unwrap();
    assert!(
        component.is_absolute() && component.ends_with("shop.wasm"),
        "beside the file"
    );
}

#[test]
fn a_module_has_a_level_of_the_log_and_a_policy_of_its_own() {
    let file = "[modules.shop]\nlog_level = \"debug\"\n[modules.other]\nlog_level = \"\"";
    let environment = [
        ("WARES_MODULES_OTHER_ON_FAILURE", "skip"),
        ("WARES_MODULES_THIRD_ONE_LOG_LEVEL", "error"),
    ];
    let config = load(Some(file), &environment, &[]).unwrap();
    let of = |name: &str| {
        let module = &config.modules[name];
        (
            module.log_level,
            module.on_failure.map(|policy| policy.name()),
        )
    };
    assert_eq!(of("shop"), (Some(LevelFilter::DEBUG), None));
    assert_eq!(of("other"), (None, Some("skip")));
    assert_eq!(of("third-one"), (Some(LevelFilter::ERROR), None));
    refuse(
        "[modules.shop]\nlog_level = \"loud\"",
        &[],
        &[],
        "wares.toml:2: modules.shop.log_level must be error or warn or info or debug or trace, not 'loud'",
    );
}

#[test]
fn a_path_in_the_file_is_relative_to_the_file() {
    let file = "[data]\ndir = \"d\"\nmodules_dir = \"/m\"\n[modules.shop]\ncomponent = \"c.wasm\"";
    let config = load(Some(file), &[], &[]).unwrap();
    assert!(config.data.dir.is_absolute() && config.data.dir.ends_with("d"));
    assert_eq!(config.data.modules_dir, Path::new("/m"));
    let flags = [("data.dir", "e"), ("modules.shop.component", "f.wasm")];
    let config = load(Some(file), &[], &flags).unwrap();
    assert_eq!(config.data.dir, Path::new("e"));
    assert_eq!(
        config.modules["shop"].component.as_deref(),
        Some(Path::new("f.wasm"))
    );
}

#[test]
fn every_fault_is_named_at_once_with_where_it_is_from() {
    refuse(
        "[server]\nlisten = 5\nlisen = \":1\"\n[limits]\ndeadline_ms = -1\nmemory_bytes_max = \"much\"",
        &[("WARES_LIMITS_CALLS_MAX", "0")],
        &[
            ("server.trust_forwarded", "perhaps"),
            ("cors.origins", "https://a.example/"),
        ],
        "the settings have faults:\n  \
         wares.toml:2: server.listen must be text, not 5\n  \
         --set server.trust_forwarded: server.trust_forwarded must be true or false, not 'perhaps'\n  \
         --set cors.origins: cors.origins must be a list of origins, each scheme://host or scheme://host:port \
         (comma-separated outside the file), not 'https://a.example/'\n  \
         WARES_LIMITS_CALLS_MAX: limits.calls_max must be a whole number from 1 to 1024, not '0'\n  \
         wares.toml:5: limits.deadline_ms must be a whole number from 1 to 31536000000, not -1\n  \
         wares.toml:6: limits.memory_bytes_max must be bytes from 1 MiB to 4 GiB, like \"64 MiB\", not 'much'\n  \
         wares.toml:3: there is no setting server.lisen: did you mean server.listen?",
    );
}

#[test]
fn variables_and_sections_that_are_no_setting_are_named() {
    let section = |name: &str| format!(": {name} is a section, whose settings are {name}.…");
    let of_a_module = ": after the module's name, such a variable has _COMPONENT, _GRANTS, _LOG_LEVEL, _ON_FAILURE, _PATH_PREFIXES, \
                       _LIMITS_… or _CONFIG_…";
    for (variable, key, hint) in [
        ("WARES_FOO", "foo", String::new()),
        ("WARES_", "", String::new()),
        ("WARES_SERVER", "server", section("server")),
        ("WARES_DATA", "data", section("data")),
        ("WARES_MODULES", "modules", section("modules")),
        ("WARES_MODULES_SHOP", "modules_shop", of_a_module.to_owned()),
        (
            "WARES_MODULES_SHOP_LIMITS",
            "modules_shop_limits",
            of_a_module.to_owned(),
        ),
        ("WARES_SERVER_", "server.", String::new()),
        (
            "WARES_SERVER_LISTN",
            "server.listn",
            ": did you mean server.listen?".to_owned(),
        ),
        ("WARES_LISTEN", "listen", String::new()),
        ("WARES_URL", "url", String::new()),
    ] {
        let said = format!("{variable}: there is no setting {key}{hint}");
        refuse("", &[(variable, "1")], &[], &said);
    }
    for (flag, hint) in [("server", section("server")), ("limits", section("limits"))] {
        let said = format!("--set {flag}: there is no setting {flag}{hint}");
        refuse("", &[], &[(flag, "1")], &said);
    }
    // Sections without a setting, as in the example file, and those that there are not.
    assert!(
        load(
            Some("[server]\n[modules.shop]\n[modules.shop.limits]"),
            &[],
            &[]
        )
        .is_ok()
    );
    refuse(
        "[serverr]",
        &[],
        &[],
        "wares.toml:1: there is no setting serverr",
    );
    refuse(
        "\n[modules.shop.limit]",
        &[],
        &[],
        "wares.toml:2: there is no setting modules.shop.limit",
    );
    refuse(
        "[data.dir]",
        &[],
        &[],
        "wares.toml:1: data.dir must be text, not a table",
    );
    for fine in ["WARES_CONFIG", "WARES", "wares_foo", "MY_WARES_FOO"] {
        assert!(load(None, &[(fine, "1")], &[]).is_ok(), "{fine}");
    }
}

/// The bounds of a setting that is a number, as what is said of a wrong one names them.
fn bounds(kind: &str) -> Option<(u64, u64)> {
    let (_, range) = kind.split_once(" from ")?;
    let (from, to) = range.split(", like").next()?.split_once(" to ")?;
    let number = |text: &str| {
        let (number, unit) = text.split_once(' ').unwrap_or((text, "B"));
        let units = ["B", "KiB", "MiB", "GiB"];
        let power = units.iter().position(|known| *known == unit).unwrap();
        number.parse::<u64>().unwrap() << (10 * power)
    };
    Some((number(from), number(to)))
}

#[test]
fn every_number_has_bounds_and_is_refused_beyond_them() {
    let mut bounded = 0;
    for declared in Settings::reference() {
        let key = declared.key.replace("NAME", "shop");
        let Some((from, to)) = bounds(&declared.kind) else {
            let is_number = declared.kind.contains("number") || declared.kind.contains("bytes");
            assert!(
                !is_number || key.ends_with(".*"),
                "{key}: {}",
                declared.kind
            );
            continue;
        };
        bounded += 1;
        let set = |value: u64| load(None, &[], &[(&key, &value.to_string())]);
        for value in [from, to, from.midpoint(to)] {
            assert!(set(value).is_ok(), "{key}={value}: {:?}", set(value).err());
        }
        for value in [from.checked_sub(1), to.checked_add(1)]
            .into_iter()
            .flatten()
        {
            let said = format!(
                "--set {key}: {key} must be {}, not '{value}'",
                declared.kind
            );
            assert_eq!(set(value).err(), Some(said));
        }
        for value in ["-1", "1.5", "", "1e3", "0x10", "18446744073709551616"] {
            assert!(load(None, &[], &[(&key, value)]).is_err(), "{key}={value}");
        }
    }
    assert!(bounded > 60, "{bounded}");
}

#[test]
fn times_that_cannot_be_waited_for_and_sizes_that_hold_nothing_are_refused() {
    let refused = |key: &str, value: &str| load(None, &[], &[(key, value)]).is_err();
    for key in [
        "server.head_timeout_ms",
        "server.body_timeout_ms",
        "server.idle_timeout_ms",
        "limits.deadline_ms",
        "limits.call_ms",
        "limits.sql_statement_ms",
        "limits.sql_migration_ms",
        "limits.database_bytes_max",
        "identity.token_lifetime_s",
        "identity.session_lifetime_s",
        "compile.deadline_ms",
        "server.connections_max",
        "limits.response_bytes_max",
        "breaker.window_ms",
        "breaker.failures_min",
    ] {
        assert!(refused(key, "0"), "{key}");
    }
    for key in [
        "server.drain_ms",
        "versions.drain_ms",
        "breaker.open_ms",
        "canary.promote_calls",
        "limits.log_lines_max",
        "limits.sql_writer_wait_ms",
        "limits.request_bytes_max",
    ] {
        assert!(!refused(key, "0"), "{key}");
    }
    let said = "--set server.head_bytes_max: server.head_bytes_max must be bytes from 8 KiB to 1 MiB, like \
                \"16 KiB\", not '1'";
    refuse("", &[], &[("server.head_bytes_max", "1")], said);
}

#[test]
fn signatures_are_not_required_where_no_key_can_make_one() {
    let said = "--set versions.require_signature: versions.require_signature is set, and versions.public_keys names \
                no key that a component could be signed with";
    let required = ("versions.require_signature", "true");
    refuse("", &[], &[required], said);
    refuse("", &[], &[required, ("versions.public_keys", "")], said);
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    assert!(load(None, &[], &[required, ("versions.public_keys", key)]).is_ok());
    assert!(load(None, &[], &[("versions.require_signature", "false")]).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let broken = load(Some("[server\nlisten = 1"), &[], &[]).err().unwrap();
    assert!(
        broken.starts_with("wares.toml:1: ") && !broken.contains('\n'),
        "{broken}"
    );
    let sources = Sources {
        file: Some(PathBuf::from("/nowhere/wares.toml")),
        ..Sources::default()
    };
    let missing = Settings::load(&sources).err().unwrap().to_string();
    assert_eq!(
        missing,
        "cannot read /nowhere/wares.toml: No such file or directory (os error 2)"
    );
}

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

#[test]
fn the_readme_names_every_setting_with_its_default() {
    let readme = document("README.md");
    for setting in Settings::reference() {
        if setting.key.starts_with("modules.NAME") {
            continue;
        }
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", setting.key)));
        let row = row.unwrap_or_else(|| panic!("{} is not in README.md", setting.key));
        // The number of threads is that of the machine.
        let default = !setting.default.is_empty() && setting.key != "limits.calls_max";
        assert!(
            !default || row.contains(&format!("| `{}` |", setting.default)),
            "{row}"
        );
    }
}

#[test]
fn the_example_file_changes_nothing_and_every_line_of_it_works() {
    let example = document("wares.toml");
    let plain = load(Some(&example), &[], &[]).unwrap();
    let none = load(None, &[], &[]).unwrap();
    let shown = |all: &Settings| {
        format!(
            "{:?}{:?}{:?}{:?}",
            all.server, all.http, all.limits, all.modules
        )
    };
    assert_eq!(shown(&plain), shown(&none));
    let uncommented: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && rest.contains('=') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let mut all = load(Some(&uncommented), &[], &[]).unwrap();
    // Its default is that of the machine.
    all.limits.calls_max = none.limits.calls_max;
    // Whatever is set for the database, the disk does not bound it.
    all.limits.database_within_disk = none.limits.database_within_disk;
    assert_eq!(
        format!("{:?}{:?}{:?}", all.server, all.http, all.limits),
        format!("{:?}{:?}{:?}", none.server, none.http, none.limits)
    );
    for setting in Settings::reference() {
        let name = setting.key.rsplit('.').next().unwrap();
        assert!(
            name == "*" || uncommented.contains(&format!("{name} = ")),
            "{} is not in wares.toml",
            setting.key
        );
    }
}

#[test]
fn path_prefixes_are_granted_and_none_of_the_hosts() {
    let file = "[modules.shop]\npath_prefixes = [\"/Shop\", \"/admin/shop\"]\n";
    fn read(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
        let config = load(Some(file), environment, flags).unwrap();
        let prefixes = &config.modules["shop"].path_prefixes;
        prefixes.iter().map(ToString::to_string).collect()
    }
    assert_eq!(read(file, &[], &[]), ["/shop", "/admin/shop"]);
    let other = "[modules.shop]\ngrants = []\n";
    assert_eq!(read(other, &[], &[]), ["/admin", "/store", "/hooks"]);
    let variable = ("WARES_MODULES_SHOP_PATH_PREFIXES", "/a, /b");
    assert_eq!(read(file, &[variable], &[]), ["/a", "/b"]);
    let flag = ("modules.shop.path_prefixes", "");
    assert_eq!(read(file, &[variable], &[flag]), [""; 0]);
    refuse(
        "[modules.shop]\npath_prefixes = \"/shop\"\n",
        &[],
        &[],
        "wares.toml:2: modules.shop.path_prefixes must be a list of path prefixes, each like \
         /store/reviews (comma-separated outside the file), not '/shop'",
    );
    refuse(
        "[modules.shop]\npath_prefixes = [\"/shop\", \"/a/{b}\", \"/App/mine\", \"shop\"]\n",
        &[],
        &[],
        "the settings have faults:\n  \
         wares.toml:2: modules.shop.path_prefixes has '/a/{b}', which is no path prefix: \
         a prefix has literal segments alone, not '{b}'\n  \
         wares.toml:2: modules.shop.path_prefixes has '/App/mine', which is no path prefix: \
         /app and all below it are the host's\n  \
         wares.toml:2: modules.shop.path_prefixes has 'shop', which is no path prefix: \
         a path begins with a slash",
    );
}

#[test]
fn a_database_is_bounded_by_its_disk_unless_its_size_is_set() {
    let within = |config: &Settings, name: &str| config.limits_of(name).database_within_disk;
    let plain = load(None, &[], &[]).unwrap();
    assert!(within(&plain, "greetings"));
    let file = "modules.greetings.limits.database_bytes_max = \"64 GiB\"";
    let one = load(Some(file), &[], &[]).unwrap();
    assert!(!within(&one, "greetings"));
    assert!(within(&one, "other"));
    let all = load(Some("limits.database_bytes_max = \"64 GiB\""), &[], &[]).unwrap();
    assert!(!within(&all, "greetings"));
}

#[test]
fn only_variables_of_kubernetes_are_ignored() {
    let told = [
        ("WARES_SERVICE_HOST", "10.0.0.11"),
        ("WARES_SERVICE_PORT", "9000"),
        ("WARES_SERVICE_PORT_HTTP", "9000"),
        ("WARES_SERVICE_PORT_HTTP_ALT", "9001"),
        ("WARES_PORT", "tcp://10.0.0.11:9000"),
        ("WARES_PORT_9000_TCP", "tcp://10.0.0.11:9000"),
        ("WARES_PORT_9000_TCP_ADDR", "10.0.0.11"),
        ("WARES_PORT_9000_TCP_PORT", "9000"),
        ("WARES_PORT_9000_TCP_PROTO", "tcp"),
        ("WARES_PORT_53_UDP", "udp://[fd00::11]:53"),
        ("WARES_PORT_53_UDP_ADDR", "fd00::11"),
        // Of Services whose names begin so.
        ("WARES_SERVER_SERVICE_HOST", "fd00::11"),
        ("WARES_SERVER_PORT", "tcp://10.0.0.11:9000"),
        ("WARES_LOG_STORE_PORT_80_TCP", "tcp://10.0.0.11:80"),
    ];
    let config = load(None, &told, &[]).unwrap();
    let names: Vec<&str> = told.iter().map(|(name, _)| *name).collect();
    assert_eq!(config.ignored_variables, names);
    for (name, value, said) in [
        ("WARES_SERVICE_HOST", "shop.example", "service.host"),
        ("WARES_SERVICE_PORT", "tcp", "service.port"),
        ("WARES_SERVICE_PORTS", "9000", "service.ports"),
        ("WARES_SERVER_PORT", "9000", "server.port"),
        ("WARES_SERVER_PORT", "http://10.0.0.11:9000", "server.port"),
        ("WARES_PORT_9000_TCP", "9000", "port.9000_tcp"),
        (
            "WARES_PORT_HTTP_TCP",
            "tcp://10.0.0.11:9000",
            "port.http_tcp",
        ),
        (
            "WARES_PORT_9000_QUIC",
            "udp://10.0.0.11:9000",
            "port.9000_quic",
        ),
        ("WARES_PORT_9000_TCP_NAME", "http", "port.9000_tcp_name"),
        ("WARES_SRV_LISTEN", ":9000", "srv.listen"),
    ] {
        let refused = load(None, &[(name, value)], &[]).err().unwrap();
        let beginning = format!("{name}: there is no setting {said}");
        assert!(refused.starts_with(&beginning), "{refused}");
    }
    // A module's setting has any name.
    let own = [("WARES_MODULES_SHOP_CONFIG_SMTP_SERVICE_HOST", "10.0.0.11")];
    let config = load(None, &own, &[]).unwrap();
    let setting = ("smtp_service_host".to_owned(), "10.0.0.11".to_owned());
    assert_eq!(config.modules["shop"].config, [setting]);
    assert!(config.ignored_variables.is_empty());
}
