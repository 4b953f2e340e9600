//! Many attempts to sign in at once, with wrong and right passwords.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{EMAIL, PASSWORD, Shop};

/// A shop behind a proxy: callers come from where `X-Forwarded-For` says.
fn shop() -> Shop {
    Shop::with_setting("server.trust_forwarded=true")
}

/// A request to sign in of which the last byte is held back.
struct Held {
    stream: TcpStream,
    last: u8,
}

/// What came of it.
#[derive(Debug)]
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

fn held(shop: &Shop, from: &str, email: &str, password: &str) -> Held {
    let body = json!({"email": email, "password": password}).to_string();
    let request = format!(
        "POST /auth/user/emailpass HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    let (last, rest) = request.as_bytes().split_last().unwrap();
    stream.write_all(rest).unwrap();
    Held {
        stream,
        last: *last,
    }
}

impl Held {
    fn release(&mut self) {
        self.stream.write_all(&[self.last]).unwrap();
    }

    fn answer(self) -> Answer {
        let mut reader = BufReader::new(self.stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut retry_after = None;
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            match line.trim().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("retry-after") => {
                    retry_after = Some(value.parse().unwrap());
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = String::new();
        reader.read_to_string(&mut body).unwrap();
        Answer {
            status,
            retry_after,
            body: serde_json::from_str(&body).unwrap(),
        }
    }
}

/// Signs in from somewhere.
fn sign_in(shop: &Shop, from: &str, password: &str) -> Answer {
    let mut one = held(shop, from, EMAIL, password);
    one.release();
    one.answer()
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|one| one.status == status).count()
}

/// The memory of the server's process in MiB: now, and its peak.
#[cfg(target_os = "linux")]
fn memory_mib(shop: &Shop) -> [u64; 2] {
    let status = format!("/proc/{}/status", shop.server.child.id());
    let status = std::fs::read_to_string(status).unwrap();
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() / 1024
    })
}

#[test]
fn passwords_at_once_are_checked_no_more_often_than_in_sequence() {
    let shop = shop();
    #[cfg(target_os = "linux")]
    let before = memory_mib(&shop);
    let mut guesses: Vec<Held> = (0..300)
        .map(|guess| held(&shop, "198.51.100.7", EMAIL, &format!("guess {guess}")))
        .collect();
    for guess in &mut guesses {
        guess.release();
    }
    let owner = sign_in(&shop, "192.0.2.1", PASSWORD);
    assert_eq!(owner.status, 200, "{owner:?}");
    let answers: Vec<Answer> = guesses.into_iter().map(Held::answer).collect();
    // Five, and one more a second, then two, then four later, if this takes so long.
    let wrong = with_status(&answers, 401);
    assert!((5..=8).contains(&wrong), "{wrong} were looked at");
    assert_eq!(with_status(&answers, 429), 300 - wrong);
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        assert!(
            answer.retry_after.is_some_and(|seconds| seconds > 0),
            "{answer:?}"
        );
        assert_eq!(answer.body["type"], "too_many_requests");
    }
    // The two hashing threads keep 38 MiB; each of 300 would leave 19.
    #[cfg(target_os = "linux")]
    {
        let after = memory_mib(&shop);
        let grown = [0, 1].map(|index| after[index].saturating_sub(before[index]));
        assert!(
            grown.iter().all(|grown| *grown < 80),
            "{before:?} {after:?}"
        );
    }
    let again = sign_in(&shop, "192.0.2.1", PASSWORD);
    assert_eq!(again.status, 200, "{again:?}");
}

#[test]
fn right_passwords_at_once_from_one_address_are_all_accepted() {
    let shop = shop();
    let mut tries: Vec<Held> = (0..20)
        .map(|_| held(&shop, "198.51.100.7", EMAIL, PASSWORD))
        .collect();
    for one in &mut tries {
        one.release();
    }
    let answers: Vec<Answer> = tries.into_iter().map(Held::answer).collect();
    assert_eq!(with_status(&answers, 200), 20, "{answers:?}");
}

#[test]
fn guesses_from_everywhere_are_refused_beyond_a_short_queue() {
    let shop = shop();
    // Eight of each of forty addresses, each at an email of its own.
    let mut guesses: Vec<Held> = (0..320)
        .map(|guess| {
            let from = format!("198.51.100.{}", guess % 40);
            held(&shop, &from, &format!("{guess}@example.com"), "guess")
        })
        .collect();
    for guess in &mut guesses {
        guess.release();
    }
    let answers: Vec<Answer> = guesses.into_iter().map(Held::answer).collect();
    let (wrong, busy) = (with_status(&answers, 401), with_status(&answers, 503));
    assert_eq!(wrong + busy, 320, "{answers:?}");
    // Two are hashed and sixteen wait, as soon as those are there.
    assert!(
        wrong >= 18 && busy > 0,
        "{wrong} were looked at, {busy} not"
    );
    for answer in answers.iter().filter(|answer| answer.status == 503) {
        assert_eq!(answer.retry_after, Some(1));
        assert_eq!(
            answer.body,
            json!({
                "type": "unavailable",
                "message": "Too many people sign in at this moment: try again in a moment"
            })
        );
    }
    let owner = sign_in(&shop, "192.0.2.1", PASSWORD);
    assert_eq!(owner.status, 200, "{owner:?}");
}

#[test]
fn the_address_that_the_proxy_wrote_counts_whatever_a_caller_wrote_before_it() {
    let shop = shop();
    let guess = |own: u8| {
        let own = format!("203.0.113.{own}");
        let headers = [
            ("x-forwarded-for", own.as_str()),
            ("x-forwarded-for", "198.51.100.7"),
            crate::harness::JSON,
        ];
        let body = json!({"email": EMAIL, "password": "wrong password"}).to_string();
        shop.send("POST", "/auth/user/emailpass", &headers, body.as_bytes())
            .status
    };
    let statuses: Vec<u16> = (0..6).map(guess).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}
