//! Databases whose files are removed or replaced.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{count, customers, health, is_in_trouble, is_refused, troubles, write};
use crate::harness::{Server, Shop};

const MOVED: &str = "the file of the database was removed or replaced";

/// Files that are out of the way, and how they come back.
struct Away(HashMap<PathBuf, PathBuf>);

impl Away {
    fn of(file: &Path) -> Self {
        let mut aside = file.as_os_str().to_owned();
        aside.push(".aside");
        let aside = PathBuf::from(aside);
        fs::rename(file, &aside).unwrap();
        Self([(file.to_owned(), aside)].into())
    }

    fn back(self) {
        for (file, aside) in self.0 {
            if file.is_dir() {
                fs::remove_dir_all(&file).unwrap();
            }
            fs::rename(aside, file).unwrap();
        }
    }
}

#[test]
fn moved_files_of_a_database_are_trouble_until_they_are_back() {
    let shop = Shop::open();
    let modules = shop.data.path().join("modules");
    let mut kept = 0;
    for (name, replaced) in [
        ("modules/customer.db", false),
        ("modules/customer.db", true),
        ("modules/customer.db-wal", false),
        ("modules/customer.db-shm", true),
        ("modules", false),
        ("modules", true),
    ] {
        assert_eq!(write(&shop, &format!("{kept}@shop.example")).status, 200);
        kept += 1;
        let file = shop.data.path().join(name);
        let away = Away::of(&file);
        if replaced && file == modules {
            fs::create_dir(&file).unwrap();
            for one in fs::read_dir(shop.data.path().join("modules.aside")).unwrap() {
                let one = one.unwrap();
                fs::copy(one.path(), file.join(one.file_name())).unwrap();
            }
        } else if replaced {
            fs::copy(away.0[&file].as_path(), &file).unwrap();
        }
        // The first writer notices it, unless no kept data is away.
        if name.ends_with("-shm") {
            assert_eq!(health(&shop).0, 503);
        }
        is_refused(&write(&shop, "lost@shop.example"), MOVED);
        is_refused(&shop.get("/admin/customers"), MOVED);
        let down = format!("Down\nTrouble with the database of the module customer: {MOVED}");
        assert_eq!(health(&shop), (503, down), "{name}");
        assert_eq!(is_in_trouble(&shop, "modules/customer.db"), 1);
        assert_eq!(shop.get("/admin/api-keys").status, 200);
        let log = shop.server.wait_for_log("is in trouble");
        let advice = if name.ends_with(".db") || name == "modules" {
            "it was removed, renamed or replaced: put the same file back".to_owned()
        } else {
            let name = file.file_name().unwrap().display();
            format!("{name} beside it was removed or replaced: put the same file back")
        };
        assert!(log.contains(&advice), "{log}");
        assert!(
            log.contains(&*customers(shop.data.path()).display().to_string()),
            "{log}"
        );
        away.back();
        assert_eq!(health(&shop), (200, "OK".to_owned()), "{name}");
        assert_eq!(count(&shop), kept, "{name}");
    }
    assert!(troubles(&shop, "modules/customer.db", "moved") >= 12);
    let Shop { server, data, .. } = shop;
    let log = server.stop_for_log();
    assert!(!log.contains("ERROR"), "{log}");
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(count(&shop), kept);
}

#[test]
fn a_removed_file_is_noticed_without_a_write() {
    let shop = Shop::open();
    let file = customers(shop.data.path());
    fs::remove_file(&file).unwrap();
    shop.server
        .wait_for_log("the database of the module customer is in trouble");
    is_refused(&shop.get("/admin/customers"), MOVED);
    is_refused(&write(&shop, "lost@shop.example"), MOVED);
    assert!(!file.exists(), "no other file may be created at its path");
}

#[test]
fn writes_in_a_removed_log_are_there_after_a_restart() {
    let mut shop = Shop::open();
    assert_eq!(write(&shop, "kept@shop.example").status, 200);
    let log = shop.data.path().join("modules/customer.db-wal");
    fs::remove_file(&log).unwrap();
    is_refused(&write(&shop, "refused@shop.example"), MOVED);
    assert!(shop.server.stop().success());
    shop.server = Server::start(shop.data.path(), |_| {});
    let found = shop.get("/admin/customers?fields=email").value();
    assert_eq!(found["customers"].as_array().unwrap().len(), 1);
    assert_eq!(found["customers"][0]["email"], "kept@shop.example");
}

#[test]
fn the_moved_database_of_the_host_is_trouble_until_it_is_back() {
    let shop = Shop::open();
    let file = shop.data.path().join("host.db");
    for replaced in [false, true] {
        let away = Away::of(&file);
        if replaced {
            fs::copy(away.0[&file].as_path(), &file).unwrap();
        }
        let down = format!("Down\nTrouble with the host's own database: {MOVED}");
        assert_eq!(health(&shop), (503, down));
        let missed = "The file of the database was removed or replaced: try again";
        is_refused(&shop.get("/admin/customers"), missed);
        is_refused(&shop.post("/auth/session", json!({})), missed);
        let log = shop
            .server
            .wait_for_log("the host's own database is in trouble");
        assert!(log.contains(&*file.display().to_string()), "{log}");
        away.back();
        assert_eq!(health(&shop), (200, "OK".to_owned()));
        assert_eq!(shop.post("/auth/session", json!({})).status, 200);
    }
    // All of them at once.
    let away = Away::of(shop.data.path());
    let (status, said) = health(&shop);
    assert_eq!(
        (status, &*said),
        (
            503,
            &*format!(
                "Down\nTrouble with the host's own database: {MOVED}\n\
                 Trouble with the database of the module customer: {MOVED}"
            )
        )
    );
    assert_eq!(shop.get("/admin/customers").status, 503);
    away.back();
    assert_eq!(health(&shop), (200, "OK".to_owned()));
    // Who writes first notices it as well.
    let away = Away::of(&file);
    let session = shop.post("/auth/session", json!({}));
    assert_eq!(session.status, 503, "{}", session.body);
    away.back();
    assert_eq!(shop.post("/auth/session", json!({})).status, 200);
}

/// How often the file goes away.
const MOVES: usize = 40;

#[test]
fn no_answered_write_is_lost_while_the_file_goes_away_and_comes_back() {
    let shop = Shop::open();
    let file = customers(shop.data.path());
    let stop = AtomicBool::new(false);
    let answers: Vec<(String, u16)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (shop, stop) = (&shop, &stop);
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let email = format!("w{writer}n{}@shop.example", answers.len());
                        let status = write(shop, &email).status;
                        answers.push((email, status));
                    }
                    answers
                })
            })
            .collect();
        for _ in 0..MOVES {
            let away = Away::of(&file);
            // A writer notices both.
            assert_eq!(write(&shop, "lost@shop.example").status, 503);
            away.back();
            let end = Instant::now() + Duration::from_secs(60);
            while health(&shop).0 != 200 {
                assert!(Instant::now() < end);
            }
        }
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let Shop {
        mut server, data, ..
    } = shop;
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(server);
    let shop = Shop::open_on(data, |_| {});
    let mut kept = std::collections::HashSet::new();
    let (mut answered, mut refused) = (0, 0);
    for offset in (0..).step_by(1_000) {
        let path = format!("/admin/customers?fields=email&limit=1000&offset={offset}");
        let page = shop.get(&path).value();
        let customers = page["customers"].as_array().unwrap().clone();
        let emails = customers
            .iter()
            .map(|one| one["email"].as_str().unwrap().to_owned());
        kept.extend(emails);
        if customers.len() < 1_000 {
            break;
        }
    }
    for (email, status) in &answers {
        match status {
            200 => {
                answered += 1;
                assert!(kept.contains(email), "{email} was answered, and is lost");
            }
            503 => refused += 1,
            _ => panic!("{status}"),
        }
    }
    assert!(
        answered > 0 && refused > 0,
        "{answered} answered, {refused} refused"
    );
    assert!(!kept.contains("lost@shop.example"));
}
